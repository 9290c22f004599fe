// Parallel: the only way a variant runs on several threads. A type-erased for-loop that the harness backs with a TBB arena
// and a plugin host with its own table; this header needs neither. A default-constructed Parallel runs serially.
#pragma once

#include <cstdint>
#include <type_traits>

namespace attnbench {

class Parallel {
 public:
  /// body(state, begin, end, slot)
  using Body = void (*)(void* state, std::int64_t begin, std::int64_t end, int slot);
  /// Splits [0, count) into ranges of at most `grain` and calls body for each, on up to threads() threads; returns when all are
  /// done.
  using Loop = void (*)(void* backend, std::int64_t count, std::int64_t grain, Body body, void* state);

  Parallel() = default;
  Parallel(int threads, Loop loop, void* backend) : threads_(threads), loop_(loop), backend_(backend) {}

  int threads() const { return threads_; }

  /// Calls body(begin, end, slot) over [0, count) in ranges of at most `grain`. slot is in [0, threads()) and no two ranges run
  /// at once with the same slot: index per-thread scratch with it. With one thread or one range there is no task and no
  /// synchronisation. Results must not depend on slot or order: the same thread count must give the same bits.
  template <class F>
  void for_ranges(std::int64_t count, std::int64_t grain, F&& body) const {
    if (count <= 0) return;
    if (grain < 1) grain = 1;
    if (threads_ <= 1 || count <= grain || loop_ == nullptr) {
      for (std::int64_t begin = 0; begin < count; begin += grain) body(begin, begin + grain < count ? begin + grain : count, 0);
      return;
    }
    using Fn = std::remove_reference_t<F>;
    loop_(
        backend_, count, grain,
        [](void* state, std::int64_t begin, std::int64_t end, int slot) { (*static_cast<Fn*>(state))(begin, end, slot); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

  /// Calls body(index, slot) for each index in [0, count), one task each.
  template <class F>
  void for_each(std::int64_t count, F&& body) const {
    for_ranges(count, 1, [&](std::int64_t begin, std::int64_t end, int slot) {
      for (std::int64_t i = begin; i < end; ++i) body(i, slot);
    });
  }

 private:
  int threads_ = 1;
  Loop loop_ = nullptr;
  void* backend_ = nullptr;
};

}  // namespace attnbench
