// If these fail, a loop body runs twice, not at all, on a wrong range or with a slot it has no scratch for.
#include "variants/api/parallel.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/catch.h"

using namespace attnbench;

namespace {

// A backend of plain threads: each takes ranges in turn.
void threaded_loop(void* backend, std::int64_t count, std::int64_t grain, Parallel::Body body, void* state) {
  const int threads = *static_cast<int*>(backend);
  std::atomic<std::int64_t> next{0};
  std::vector<std::thread> team;
  for (int slot = 0; slot < threads; ++slot)
    team.emplace_back([&, slot] {
      for (std::int64_t begin; (begin = next.fetch_add(grain)) < count;) body(state, begin, std::min(begin + grain, count), slot);
    });
  for (auto& thread : team) thread.join();
}

}  // namespace

TEST_CASE("every index is visited once, in ranges of at most the grain, by slots in range") {
  int threads = 3;
  const Parallel serial, parallel(threads, threaded_loop, &threads);
  for (const Parallel* p : {&serial, &parallel}) {
    for (const std::int64_t count : {0, 1, 7, 64, 1000}) {
      for (const std::int64_t grain : {-1, 0, 1, 5, 64, 5000}) {
        CAPTURE(p->threads(), count, grain);
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        std::atomic<bool> sound{true};
        p->for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
          if (begin >= end || end - begin > std::max<std::int64_t>(grain, 1) || slot < 0 || slot >= p->threads()) sound = false;
          for (auto i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        CHECK(sound);
        for (const auto& v : visits) REQUIRE(v == 1);
      }
    }
  }
}

TEST_CASE("a negative count does nothing") {
  Parallel().for_ranges(-3, 1, [](std::int64_t, std::int64_t, int) { FAIL("called"); });
}

TEST_CASE("for_each gives each index to one call") {
  int threads = 2;
  const Parallel parallel(threads, threaded_loop, &threads);
  std::vector<std::atomic<int>> visits(100);
  parallel.for_each(100, [&](std::int64_t i, int) { ++visits[static_cast<std::size_t>(i)]; });
  for (const auto& v : visits) CHECK(v == 1);
}

TEST_CASE("one thread or one range never reaches the backend") {
  const auto refuse = [](void*, std::int64_t, std::int64_t, Parallel::Body, void*) { FAIL("reached the backend"); };
  int calls = 0;
  Parallel(1, refuse, nullptr).for_each(10, [&](std::int64_t, int slot) { calls += slot == 0; });
  Parallel(4, refuse, nullptr).for_ranges(10, 10, [&](std::int64_t, std::int64_t, int slot) { calls += slot == 0; });
  CHECK(calls == 11);
}
