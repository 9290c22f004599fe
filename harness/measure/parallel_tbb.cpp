#include "harness/measure/parallel_tbb.h"

#include <cblas.h>
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>
#include <tbb/version.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "harness/measure/pinning.h"
#include "harness/measure/thread_clock.h"
#include "variants/api/integers.h"

namespace attnbench {

namespace {

// Counts the time of every worker that comes into the arena and pins it. Called for the thread that calls parallel loops as well,
// each time, and returns at once there: ThreadArena's owner pins it.
class Entry : public tbb::task_scheduler_observer {
 public:
  Entry(tbb::task_arena& arena, ThreadClock& clock, const std::vector<int>& cpus)
      : tbb::task_scheduler_observer(arena), clock_(clock), cpus_(cpus) {
    observe(true);
  }
  ~Entry() override { observe(false); }

  void on_scheduler_entry(bool is_worker) override {
    if (!is_worker) return;
    clock_.add_this_thread();
    thread_local int pinned = -1;
    const auto slot = static_cast<std::size_t>(tbb::this_task_arena::current_thread_index());
    if (slot < cpus_.size() && cpus_[slot] != pinned && pin_this_thread(cpus_[slot])) pinned = cpus_[slot];
  }

 private:
  ThreadClock& clock_;
  const std::vector<int>& cpus_;
};

}  // namespace

struct ThreadArena::Impl {
  explicit Impl(int threads)
      : limit(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(threads)),
        arena(threads),
        cpus(cpus_for(threads)) {
    arena.initialize();
    clock.add_this_thread();
    clock.add_earlier_threads();
  }
  tbb::global_control limit;
  tbb::task_arena arena;
  std::vector<int> cpus;  // of the threads by slot; empty: not pinned
  ThreadClock clock;
  Entry entry{arena, clock, cpus};
};

namespace {

// Ranges are cut at multiples of grain, so what one body call sees never depends on the threads that happen to be free.
#ifdef __SANITIZE_THREAD__
// TBB is not instrumented: ThreadSanitizer cannot see how it orders tasks and would report each loop as a race. Under it a team of
// plain threads takes the ranges, and what is reported is a race between bodies.
void loop(void* backend, std::int64_t count, std::int64_t grain, Parallel::Body body, void* state) {
  const std::int64_t ranges = ceil_div(count, grain);
  std::atomic<std::int64_t> next{0};
  const auto work = [&](int slot) {
    for (std::int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < ranges;)
      body(state, i * grain, std::min((i + 1) * grain, count), slot);
  };
  std::vector<std::thread> team;
  for (int slot = 1; slot < static_cast<tbb::task_arena*>(backend)->max_concurrency(); ++slot) team.emplace_back(work, slot);
  work(0);
  for (auto& thread : team) thread.join();
}
#else
void loop(void* backend, std::int64_t count, std::int64_t grain, Parallel::Body body, void* state) {
  auto& arena = *static_cast<tbb::task_arena*>(backend);
  const std::int64_t ranges = ceil_div(count, grain);
  arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<std::int64_t>(0, ranges, 1),
        [&](const tbb::blocked_range<std::int64_t>& r) {
          const int slot = tbb::this_task_arena::current_thread_index();
          for (auto i = r.begin(); i < r.end(); ++i) body(state, i * grain, std::min((i + 1) * grain, count), slot);
        },
        tbb::simple_partitioner());
  });
}
#endif

}  // namespace

ThreadArena::ThreadArena(int threads) : impl_(std::make_unique<Impl>(threads)) {
  openblas_set_num_threads(1);
  parallel_ = Parallel(threads, &loop, &impl_->arena);
}

ThreadArena::~ThreadArena() = default;

std::optional<int> ThreadArena::caller_cpu() const {
  return impl_->cpus.empty() ? std::nullopt : std::optional(impl_->cpus.front());
}

std::optional<int> caller_cpu(const ThreadArena& arena, const Variant& variant) {
  return variant.implementation ? std::nullopt : arena.caller_cpu();
}

double ThreadArena::cpu_seconds() const { return impl_->clock.seconds(); }

double ThreadArena::earlier_cpu_seconds() const { return impl_->clock.earlier_seconds(); }

std::string tbb_version() {
  return std::string(TBB_VERSION_STRING) + " (interface " + std::to_string(TBB_runtime_interface_version()) + ")";
}

}  // namespace attnbench
