#include "harness/run/ceiling_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/planning/case.h"
#include "harness/planning/cold_cache.h"
#include "harness/protocol/measurement.h"

namespace attnbench {
namespace {

// What a share may exceed 1 by. The probe is the best of some bursts of half a millisecond and comes within 1 % of the ceiling on a
// quiet machine; the bandwidth of a working set between two calibrated sizes is interpolated.
constexpr double kPeakSlack = 1.02, kBandwidthSlack = 1.05;
// A calibration finds half of the bandwidth beside other work, and half where its threads shared a core.
constexpr double kImpossibleBandwidth = 4;

std::optional<double> share(double rate, double ceiling) { return ceiling > 0 ? std::optional(rate / ceiling) : std::nullopt; }

}  // namespace

void add_ceilings(TimedRound& round, const Case& bench_case, const std::string& isa,
                  const std::optional<Calibration>& calibration) {
  const double seconds = round.median_s();
  const double flops = 2 * declared_cost(bench_case).multiply_adds;
  const double bytes = compulsory_bytes(bench_case.problem());
  const double working_set = bytes * static_cast<double>(round.input_sets);
  const double peak = round.peak_gflops();
  // A calibration below what was probed beside this very case was made on a slower machine than the case ran on.
  const bool holds = calibration && !exceeded_by(peak, fma_peak(*calibration, isa, "f32", bench_case.threads()));
  const double bandwidth = holds ? 1e9 * read_bandwidth(*calibration, working_set, bench_case.threads()) : 0;
  round.share_of_peak = share(flops / seconds, 1e9 * peak);
  round.share_of_bandwidth = share(bytes / seconds, bandwidth);
  // What fits a cache may stay nearer to the core than a sweep over as many bytes finds it.
  const bool from_memory = working_set > cache_bytes();
  round.above_ceiling =
      round.share_of_peak.value_or(0) > kPeakSlack || (from_memory && round.share_of_bandwidth.value_or(0) > kBandwidthSlack);
}

std::string impossible_time(const TimedRound& round, double calibrated_peak) {
  const double probed = round.peak_gflops(), peak = std::max(probed, calibrated_peak);
  const double rate = round.share_of_peak.value_or(0) * probed;
  if (peak > 0 && rate > kPeakSlack * peak)
    return fmt::format("the declared multiply-adds in this time are {:.4g} GFLOP/s, {:.1f} times the peak of this machine, {:.4g}",
                       rate, rate / peak, peak);
  const double of_bandwidth = round.share_of_bandwidth.value_or(0);
  if (round.above_ceiling && of_bandwidth > kImpossibleBandwidth)
    return fmt::format("reading the inputs in this time takes {:.1f} times the bandwidth of this machine", of_bandwidth);
  return {};
}

}  // namespace attnbench
