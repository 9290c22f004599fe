#include "harness/run/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "harness/measure/calibration.h"
#include "harness/measure/timer.h"
#include "harness/planning/case.h"
#include "harness/protocol/measurement.h"
#include "harness/support/median.h"

namespace attnbench {
namespace {

// Between two probes on a quiet machine lies 1 to 2 %; a core that changes its clock, or is taken away, shows as more.
constexpr double kDrift = 0.05;
// Of the calibrated peak. A probe is short and comes within some percent of it; a lower clock or a neighbour on the core takes
// more.
constexpr double kMissing = 0.15;

std::string name_of(const Case& bench_case) { return bench_case.config.label() + " " + to_string(bench_case.problem()); }

template <class Note>
const Note& largest(const std::vector<Note>& all) {
  return *std::max_element(all.begin(), all.end(), [](const Note& a, const Note& b) { return a.value < b.value; });
}

}  // namespace

void Findings::add_round(const Case& bench_case, const TimedRound& round, double calibrated_peak) {
  ++rounds_;
  if (const double drift = round.clock_drift().value_or(0); drift > kDrift) drifts_.push_back({drift, name_of(bench_case)});
  const double peak = round.peak_gflops();
  const double missing = peak > 0 && calibrated_peak > 0 ? 1 - peak / calibrated_peak : 0;
  if (missing > kMissing) slow_.push_back({missing, name_of(bench_case)});
  if (const auto factor = exceeded_by(peak, calibrated_peak)) faster_.push_back({*factor, name_of(bench_case)});
  if (round.above_ceiling)
    breaches_.push_back({std::max(round.share_of_peak.value_or(0), round.share_of_bandwidth.value_or(0)), name_of(bench_case)});
}

void Findings::add_time(const Case& bench_case, double seconds) {
  if (seconds > 0) times_.push_back({bench_case.prediction.seconds / seconds, name_of(bench_case)});
}

void Findings::add_memory(const Case& bench_case, double bytes) {
  if (bytes > 0) memories_.push_back({bench_case.prediction.peak_bytes / bytes, name_of(bench_case)});
}

std::string Findings::error_text(std::vector<Note> ratios) {
  std::vector<double> values;
  for (const auto& ratio : ratios) values.push_back(ratio.value);
  const double middle = median(values);
  for (auto& ratio : ratios) ratio.value = std::abs(std::log(ratio.value));
  const auto& worst = largest(ratios);
  const auto at = static_cast<std::size_t>(&worst - ratios.data());
  return fmt::format("median {:.2f}, worst {:.2f} ({})", middle, values[at], worst.where);
}

std::vector<std::string> Findings::lines() const {
  std::vector<std::string> lines;
  if (!breaches_.empty()) {
    const auto& worst = largest(breaches_);
    lines.push_back(
        fmt::format("above the ceiling: {} of {} rounds were faster than this machine can be, {} by {:.0f} %: do not "
                    "trust them, measure again",
                    breaches_.size(), rounds_, worst.where, 100 * (worst.value - 1)));
  }
  if (!drifts_.empty()) {
    const auto& worst = largest(drifts_);
    lines.push_back(
        fmt::format("the machine's speed changed by more than {:.0f} % during {} of {} rounds, by {:.0f} % beside {}; "
                    "stop other work, fix the clock",
                    100 * kDrift, drifts_.size(), rounds_, 100 * worst.value, worst.where));
  }
  if (!slow_.empty()) {
    const auto& worst = largest(slow_);
    lines.push_back(
        fmt::format("the machine gave over {:.0f} % less than its calibrated peak beside {} of {} rounds, {:.0f} % less beside {}: "
                    "times are too long where other work ran or the clock was low",
                    100 * kMissing, slow_.size(), rounds_, 100 * worst.value, worst.where));
  }
  if (!faster_.empty()) {
    const auto& worst = largest(faster_);
    lines.push_back(
        fmt::format("the calibration is invalid: the peak probed beside {} of {} rounds was above the calibrated one, "
                    "{:.2f} times it beside {}; it is no longer kept, run attnbench calibrate on the quiet machine",
                    faster_.size(), rounds_, worst.value, worst.where));
  }
  if (!times_.empty()) lines.push_back("predicted over measured time: " + error_text(times_));
  if (!memories_.empty()) lines.push_back("predicted over measured memory: " + error_text(memories_));
  return lines;
}

}  // namespace attnbench
