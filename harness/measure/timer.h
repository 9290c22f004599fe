// Timer: how long one call takes. Google Benchmark holds the stopwatch, the schedule is ours: warm up, choose a number of
// calls that makes a sample long enough to be read off the clock, take the samples (measurement.md, "One point").
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace attnbench {

struct TimerOptions {
  int samples = 3;
  double min_sample_seconds = 0.010;       // raised to 1000 x the clock's resolution
  double warmup_seconds = 0.2;             // after the first call, which is never timed; at least one more call
  double budget_seconds = 60;              // warm-up and samples together; where it binds there are fewer samples, at least one
  std::function<void()> before_samples{};  // once, between warm-up and samples
  std::function<void()> before_sample{};   // before each of them, untimed
  std::function<void()> after_sample{};    // likewise
};

struct Timing {
  std::vector<double> samples_s;         // seconds per call, one per sample
  std::vector<std::int64_t> iterations;  // calls in each sample
  std::vector<std::int64_t>
      involuntary_switches;       // in each sample: times that the kernel took a core from a thread of this process
  std::int64_t warmup_calls = 0;  // all untimed calls, those of the calibration included
};

Timing measure(const std::function<void()>& call, const TimerOptions& options);

/// The same schedule with a stopwatch of the caller: `time(count)` makes `count` calls and returns their total seconds
/// (Variant::time_calls).
using Stopwatch = std::function<double(std::int64_t count)>;
Timing measure_by(const Stopwatch& time, const TimerOptions& options);

/// Calls that make a sample of at least `min_seconds` when one call takes `call_seconds`; one when a call is longer.
std::int64_t calls_per_sample(double call_seconds, double min_seconds);

/// Smallest step of the clock the samples are read from, in seconds, observed.
double clock_resolution();

}  // namespace attnbench
