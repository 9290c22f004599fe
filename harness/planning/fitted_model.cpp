#include "harness/planning/fitted_model.h"

#include <algorithm>
#include <cmath>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"

namespace attnbench {
namespace {

// How much a measurement says about a case of equal size. Each step down must lose against a measurement of the better kind far
// away: nearness() of a probe of 50 us for a call of 5 s is 1/280.
constexpr double kSameVariant = 1, kSameFamily = 1.0 / 512, kAnyVariant = 1.0 / 4096, kPrior = 1.0 / 65536;
constexpr double kOtherThreads = 1.0 / 8;
// Of an earlier run. Small enough that the sizes below a case, measured now (nearness 1/5 + 1/17 + ...), outvote what was kept of
// its own size: kept from a machine with 15 times the load of its cores, that said 6 s of a call of 1 s.
constexpr double kKept = 1.0 / 16;

// One factor 4 in time (n doubled, for most) away counts a fifth. The heavy tail lets the nearest size decide while sizes grow, and
// a probe speak for all as long as there is nothing else.
double nearness(double log2_distance) { return 1 / (1 + log2_distance * log2_distance); }

}  // namespace

void FittedModel::learn(const Case& bench_case, double seconds) {
  if (!(seconds > 0) || !(bench_case.prior.seconds > 0)) return;
  const double size = std::log2(bench_case.prior.seconds);
  const Key key{bench_case.config.label(), bench_case.threads(), static_cast<int>(std::floor(size))};
  ratios_[key] = {bench_case.config.variant->family, size, std::log2(seconds) - size};
}

void FittedModel::learn_memory(const Case& bench_case, double peak_bytes) {
  const auto& p = bench_case.problem();
  // What a library allocates is declared roughly: an error of 10 % at a large problem would be charged to every small one.
  if (declared_cost(bench_case).external_bytes > 0) return;
  const double declared = compulsory_bytes(p) + static_cast<double>(declared_workspace(
                                                    *bench_case.config.variant, p, bench_case.config.params, bench_case.threads()));
  auto& bytes = process_bytes_[bench_case.config.label()];
  bytes = std::max(bytes, peak_bytes - declared);
}

Prediction FittedModel::predict(const Case& bench_case) const {
  if (!(bench_case.prior.seconds > 0)) return bench_case.prediction;
  const auto label = bench_case.config.label();
  const std::string family = bench_case.config.variant->family;
  const double size = std::log2(bench_case.prior.seconds);
  double sum = 0, weights = kPrior;
  for (const auto& [key, ratio] : ratios_) {
    const auto& [other_label, other_threads, octave] = key;
    const double alike = other_label == label ? kSameVariant : ratio.family == family ? kSameFamily : kAnyVariant;
    const double weight = alike * (other_threads == bench_case.threads() ? 1 : kOtherThreads) * (ratio.kept ? kKept : 1) *
                          nearness(size - ratio.log2_prior);
    sum += weight * ratio.log2_ratio;
    weights += weight;
  }
  auto prediction = bench_case.prior;
  prediction.seconds *= std::exp2(sum / weights);
  prediction.rates = knows(bench_case) ? RateSource::fitted : RateSource::prior;
  if (const auto found = process_bytes_.find(label); found != process_bytes_.end())
    prediction.peak_bytes += found->second - kProcessBytes;
  return prediction;
}

bool FittedModel::knows(const Case& bench_case, bool kept_too) const {
  const auto label = bench_case.config.label();
  return std::any_of(ratios_.begin(), ratios_.end(), [&](const auto& one) {
    const auto& [variant, threads, octave] = one.first;
    return variant == label && threads == bench_case.threads() && (kept_too || !one.second.kept);
  });
}

}  // namespace attnbench
