// If these fail, samples are not what they say: other numbers of calls, too short, or lost. Nothing here judges a time.
#include "harness/measure/timer.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>

#include "harness/support/median.h"
#include "tests/catch.h"

using namespace attnbench;

namespace {

// Something to do, long enough to be timed at all.
struct Workload {
  std::int64_t calls = 0;
  volatile double sum = 0;
  void operator()() {
    ++calls;
    for (int i = 1; i < 2000; ++i) sum = sum + 1.0 / i;
  }
};

}  // namespace

TEST_CASE("every call is accounted for: warm-up, and iterations of each sample") {
  Workload work;
  const auto timing =
      measure([&] { work(); }, {.samples = 4, .min_sample_seconds = 0.002, .warmup_seconds = 0.002, .budget_seconds = 60});
  REQUIRE(timing.samples_s.size() == 4);
  REQUIRE(timing.iterations.size() == 4);
  CHECK(timing.warmup_calls >= 2);
  CHECK(timing.warmup_calls + std::accumulate(timing.iterations.begin(), timing.iterations.end(), std::int64_t{0}) == work.calls);
  for (const double sample : timing.samples_s) CHECK(sample > 0);
  REQUIRE(timing.involuntary_switches.size() == 4);
  for (const auto switches : timing.involuntary_switches) CHECK(switches >= 0);
}

TEST_CASE("what stands between warm-up and samples is called once, there") {
  Workload work;
  std::int64_t calls_before = -1;
  int called = 0;
  const auto timing =
      measure([&] { work(); },
              {.samples = 2, .min_sample_seconds = 0.001, .warmup_seconds = 0, .budget_seconds = 60, .before_samples = [&] {
                 calls_before = work.calls;
                 ++called;
               }});
  CHECK(called == 1);
  CHECK(calls_before == timing.warmup_calls);
}

TEST_CASE("what is asked for before and after each sample is done there, and the calls of the sample between them") {
  Workload work;
  const auto sampled = [&](bool own_stopwatch) {
    std::vector<std::int64_t> calls;  // between the two
    std::int64_t before = 0;
    const TimerOptions options{.samples = 3,
                               .min_sample_seconds = 0.001,
                               .warmup_seconds = 0,
                               .budget_seconds = 60,
                               .before_sample = [&] { before = work.calls; },
                               .after_sample = [&] { calls.push_back(work.calls - before); }};
    const auto stopwatch = [&](std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) work();
      return 0.001 * static_cast<double>(count);
    };
    const auto timing = own_stopwatch ? measure([&] { work(); }, options) : measure_by(stopwatch, options);
    CHECK(timing.iterations == calls);
    return calls.size();
  };
  CHECK(sampled(true) == 3);
  CHECK(sampled(false) == 3);
}

// A thread that spins on the same core takes it away whenever its time slice says so, if the two share a core long enough.
TEST_CASE("a sample that shares its core counts the times it was taken away") {
  cpu_set_t before, one;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  CPU_ZERO(&one);
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  CPU_SET(core, &one);
  REQUIRE(::sched_setaffinity(0, sizeof one, &one) == 0);
  std::atomic<bool> stop{false};
  std::thread rival([&] {
    while (!stop) {
    }
  });
  Workload work;
  const auto timing =
      measure([&] { work(); }, {.samples = 2, .min_sample_seconds = 0.2, .warmup_seconds = 0, .budget_seconds = 60});
  stop = true;
  rival.join();
  ::sched_setaffinity(0, sizeof before, &before);
  CHECK(timing.involuntary_switches[0] + timing.involuntary_switches[1] > 0);
}

TEST_CASE("a variant's own stopwatch is believed, on the same schedule") {
  std::int64_t calls = 0;
  const auto timing = measure_by(
      [&](std::int64_t count) {
        calls += count;
        return 0.004 * static_cast<double>(count);
      },
      {.samples = 3, .min_sample_seconds = 0.010, .warmup_seconds = 0, .budget_seconds = 60});
  CHECK(timing.iterations == std::vector<std::int64_t>{3, 3, 3});
  for (const double sample : timing.samples_s) CHECK(sample == Approx(0.004));
  CHECK(timing.involuntary_switches.size() == 3);
  CHECK(timing.warmup_calls + 9 == calls);
}

TEST_CASE("a sample holds as many calls as the shortest sample asks for") {
  CHECK(calls_per_sample(0.001, 0.010) == 10);
  CHECK(calls_per_sample(0.003, 0.010) == 4);
  CHECK(calls_per_sample(5, 0.010) == 1);
  CHECK(calls_per_sample(0, 0.010) > 1'000'000);
  Workload few, many;
  const TimerOptions brief{.samples = 1, .min_sample_seconds = 0.001, .warmup_seconds = 0, .budget_seconds = 60};
  auto lengthy = brief;
  lengthy.min_sample_seconds = 0.1;
  CHECK(measure([&] { many(); }, lengthy).iterations[0] > measure([&] { few(); }, brief).iterations[0]);
}

TEST_CASE("per-call times multiply out to what the samples took") {
  Workload work;
  const auto start = std::chrono::steady_clock::now();
  const auto timing =
      measure([&] { work(); }, {.samples = 3, .min_sample_seconds = 0.002, .warmup_seconds = 0, .budget_seconds = 60});
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  double total = 0;
  for (std::size_t i = 0; i < timing.samples_s.size(); ++i)
    total += timing.samples_s[i] * static_cast<double>(timing.iterations[i]);
  CHECK(total > 0);
  CHECK(total <= elapsed.count());
}

TEST_CASE("a spent budget still leaves one sample, after one warm-up call") {
  Workload work;
  const auto timing =
      measure([&] { work(); }, {.samples = 5, .min_sample_seconds = 0.001, .warmup_seconds = 9, .budget_seconds = 0});
  CHECK(timing.samples_s.size() == 1);
  CHECK(timing.warmup_calls == 1);
}

TEST_CASE("measuring twice in one process does not mix the two") {
  Workload first, second;
  const TimerOptions options{.samples = 2, .min_sample_seconds = 0.001, .warmup_seconds = 0, .budget_seconds = 60};
  measure([&] { first(); }, options);
  const auto calls = first.calls;
  CHECK(measure([&] { second(); }, options).samples_s.size() == 2);
  CHECK(first.calls == calls);
}

TEST_CASE("median of odd and even counts") {
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(median({7}) == 7);
}

TEST_CASE("the clock's step is positive and below a millisecond") {
  CHECK(clock_resolution() > 0);
  CHECK(clock_resolution() < 1e-3);
}
