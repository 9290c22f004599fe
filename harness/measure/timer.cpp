#include "harness/measure/timer.h"

#include <benchmark/benchmark.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

namespace attnbench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kResolutions = 1000;      // a sample spans at least this many steps of the clock
constexpr double kCalibrationShare = 0.5;  // a trial this close to a whole sample is long enough to extrapolate from
constexpr double kMaxIterations = 1e9;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Of all threads of this process since it started. getrusage(2)
std::int64_t involuntary_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_nivcsw;
}

// Keeps what the library would print. Aggregates are left out: statistics are made in one place, from all samples.
class Collector : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const auto& run : runs) {
      if (run.run_type != Run::RT_Iteration || run.iterations < 1) continue;
      timing.samples_s.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      timing.iterations.push_back(run.iterations);
    }
  }
  Timing timing;
};

Stopwatch own_stopwatch(const std::function<void()>& call) {
  return [&call](std::int64_t count) {
    const auto start = Clock::now();
    for (std::int64_t i = 0; i < count; ++i) call();
    return seconds_since(start);
  };
}

struct Calibration {
  double call_seconds = 0;
  std::int64_t calls = 0;  // made so far
};

// One untimed call, then at least warmup_seconds or one call, whichever is longer; the second part also finds the pace, in trials
// that grow until one nearly fills a sample. The fastest of these counts, so that a disturbed trial does not make samples too
// short. A call so long that the budget would not hold its samples is warm after the first.
Calibration warm_up(const Stopwatch& time, const TimerOptions& options, double sample_seconds) {
  Calibration result{time(1), 1};
  if ((options.samples + 2) * result.call_seconds > options.budget_seconds) return result;
  const auto start = Clock::now();
  std::int64_t count = 1;
  while (true) {
    const double trial = time(count);
    const double pace = trial / static_cast<double>(count);
    result.calls += count;
    result.call_seconds = std::min(result.call_seconds, pace);
    if (trial < kCalibrationShare * sample_seconds) count = std::min(calls_per_sample(pace, sample_seconds), 10 * count);
    else if (seconds_since(start) >= options.warmup_seconds) return result;
  }
}

struct Schedule {
  Calibration calibration;
  std::int64_t iterations = 1;  // calls per sample
  int samples = 1;
};

// Warms up, then plans samples that are long enough and together fit the budget.
Schedule make_schedule(const Stopwatch& time, const TimerOptions& options) {
  const auto start = Clock::now();
  const double sample_seconds = std::max(options.min_sample_seconds, kResolutions * clock_resolution());
  const auto calibration = warm_up(time, options, sample_seconds);
  const auto iterations = calls_per_sample(calibration.call_seconds, sample_seconds);
  const double expected = static_cast<double>(iterations) * calibration.call_seconds;
  const double affordable = (options.budget_seconds - seconds_since(start)) / expected;
  if (options.before_samples) options.before_samples();
  return {calibration, iterations, static_cast<int>(std::clamp(affordable, 1.0, static_cast<double>(options.samples)))};
}

}  // namespace

std::int64_t calls_per_sample(double call_seconds, double min_seconds) {
  if (!(call_seconds > 0)) return static_cast<std::int64_t>(kMaxIterations);
  return static_cast<std::int64_t>(std::clamp(std::ceil(min_seconds / call_seconds), 1.0, kMaxIterations));
}

double clock_resolution() {
  double smallest = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 200; ++i) {
    const auto start = Clock::now();
    auto now = start;
    while (now == start) now = Clock::now();
    smallest = std::min(smallest, std::chrono::duration<double>(now - start).count());
  }
  return smallest;
}

Timing measure(const std::function<void()>& call, const TimerOptions& options) {
  const auto [calibration, iterations, samples] = make_schedule(own_stopwatch(call), options);
  Collector collector;
  auto& switches = collector.timing.involuntary_switches;
  benchmark::ClearRegisteredBenchmarks();
  benchmark::RegisterBenchmark("attnbench",
                               [&](benchmark::State& state) {  // once per repetition, as the number of iterations is given
                                 if (options.before_sample) options.before_sample();
                                 const auto before = involuntary_switches();
                                 for (auto _ : state) call();
                                 switches.push_back(involuntary_switches() - before);
                                 if (options.after_sample) options.after_sample();
                               })
      ->Iterations(iterations)
      ->Repetitions(samples)
      ->UseRealTime();
  benchmark::RunSpecifiedBenchmarks(&collector, "attnbench");
  collector.timing.warmup_calls = calibration.calls;
  return collector.timing;
}

Timing measure_by(const Stopwatch& time, const TimerOptions& options) {
  const auto [calibration, iterations, samples] = make_schedule(time, options);
  Timing timing;
  timing.warmup_calls = calibration.calls;
  timing.iterations.assign(static_cast<std::size_t>(samples), iterations);
  for (int sample = 0; sample < samples; ++sample) {
    if (options.before_sample) options.before_sample();
    const auto before = involuntary_switches();
    timing.samples_s.push_back(time(iterations) / static_cast<double>(iterations));
    timing.involuntary_switches.push_back(involuntary_switches() - before);
    if (options.after_sample) options.after_sample();
  }
  return timing;
}

}  // namespace attnbench
