// Bursts run on all threads at once or not at all; the best of them is believed when others confirm it.
#include "harness/measure/burst.h"

#include <atomic>
#include <set>
#include <thread>

#include "harness/measure/parallel_tbb.h"
#include "tests/catch.h"

namespace attnbench {
namespace {

TEST_CASE("a burst gives every thread one share of the work, all at the same time") {
  const ThreadArena arena(3);
  std::atomic<int> inside{0};
  std::atomic<unsigned> seen{0};
  const auto meet = [&](int thread) {
    seen |= 1u << thread;
    ++inside;
    while (inside < 3) std::this_thread::yield();  // would hang if one thread did two shares
  };
  auto seconds = time_burst(arena.parallel(), meet);
  for (int i = 0; i < 50 && !seconds; ++i) seconds = time_burst(arena.parallel(), meet);  // a starved machine
  REQUIRE(seconds.has_value());
  CHECK(*seconds > 0);
  CHECK(seen == 7u);
}

// A Parallel that claims two threads and has one, like an arena on a starved machine.
void one_after_the_other(void*, std::int64_t count, std::int64_t grain, Parallel::Body body, void* state) {
  for (std::int64_t i = 0; i < count; i += grain) body(state, i, std::min(i + grain, count), 0);
}

TEST_CASE("a burst whose threads do not come together does no work and has no time") {
  int calls = 0;
  CHECK_FALSE(time_burst(Parallel(2, &one_after_the_other, nullptr), [&](int) { ++calls; }).has_value());
  CHECK(calls == 0);
}

TEST_CASE("the ceiling of some tries is the best, its spread the distance of the middle one") {
  BurstStats tries;
  for (const double rate : {80.0, 100.0, 50.0}) tries.add(rate);
  CHECK(tries.ceiling().best == 100);
  CHECK(tries.ceiling().spread == Approx(0.2));
}

TEST_CASE("a starved try counts as a try but not as a rate") {
  BurstStats tries;
  tries.add(0);
  tries.add(100);
  CHECK(tries.count() == 2);
  CHECK(tries.ceiling().best == 100);
  CHECK(tries.ceiling().spread == 0);
  CHECK(BurstStats().ceiling().best == 0);
}

TEST_CASE("a best is settled when three tries agree and none of the last raised it") {
  BurstStats tries;
  for (const double rate : {50.0, 100.0, 60.0, 70.0, 60.0}) tries.add(rate);
  CHECK_FALSE(tries.settled(2));  // nobody confirmed 100
  tries.add(99);
  CHECK_FALSE(tries.settled(2));  // one did
  tries.add(98.5);
  CHECK(tries.settled(2));
  tries.add(110);
  CHECK_FALSE(tries.settled(2));
  for (int i = 0; i < 2; ++i) tries.add(110.5);  // no rise worth the name
  CHECK(tries.settled(2));
  CHECK_FALSE(tries.settled(3));  // the rise to 110 is two tries ago
}

TEST_CASE("the best is sought until it settles, however late it rises") {
  int calls = 0;
  const auto late = [&] { return ++calls < 30 ? 1.0 * calls : 100.0; };
  const auto ceilings = best_of({late}, 5, 10);
  CHECK(ceilings.front().best == 100);
  CHECK(calls == 35);  // 30 to get there, then 5 that raise nothing
}

TEST_CASE("bursts take turns, and one that has settled is left alone") {
  std::vector<int> order;
  int jumps = 0;
  const auto flat = [&] {
    order.push_back(0);
    return 1.0;
  };
  const auto rising = [&] {
    order.push_back(1);
    return jumps < 6 ? ++jumps : 6.0;
  };
  best_of({flat, rising}, 3, 10);
  CHECK(order == std::vector<int>{0, 1, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1, 1});
}

TEST_CASE("without a budget every burst is still tried three times") {
  int calls = 0;
  best_of({[&] { return ++calls * 10.0; }}, 5, 0);
  CHECK(calls == 3);
}

}  // namespace
}  // namespace attnbench
