#include "harness/planning/cost_model.h"

#include <algorithm>

#include "harness/planning/case.h"
#include "harness/planning/cold_cache.h"
#include "harness/planning/plan.h"

namespace attnbench {
namespace {

constexpr Rates kPlainLoops{2e9, 0.1e9};                // one core, where the variant says nothing
constexpr double kBytesPerSecond = 6e9;                 // one core, from memory
constexpr double kCallSeconds = 5e-6;                   // dispatch and task start
constexpr double kParallelShare = 0.9;                  // of a call's work that a second thread takes its part of
constexpr double kProcessSeconds = 0.06;                // start of a worker with its inputs mapped
constexpr double kProbeSeconds = 0.03;                  // the peak probes before and after the samples
constexpr double kOracleMultiplyAddsPerSecond = 0.5e9;  // float64, one row at a time
constexpr double kAllRows = 1024;                       // verify(): rows compared up to here,
constexpr double kSampledRows = 64;                     // about so many beyond,
constexpr double kOracles = 2;                          // and the oracle asked again on inputs one rounding away
constexpr double kApproximationRows = 256;              // exact and baseline rows of the approximation error beyond kAllRows,
constexpr double kApproximationPairs = 1 << 22;         // fewer where n_k is so long

Rates rates_of(const Variant& variant) {
  const auto& hint = variant.rates;
  return {hint.multiply_adds > 0 ? hint.multiply_adds : kPlainLoops.multiply_adds, hint.exps > 0 ? hint.exps : kPlainLoops.exps};
}

// One answer of a float64 oracle on `rows` query rows.
double oracle_seconds(const Case& bench_case, double rows) {
  const auto& p = bench_case.problem();
  const double multiply_adds = static_cast<double>(p.batch) * p.heads_q * rows * p.n_k * (p.d_qk + p.d_v);
  return multiply_adds / kOracleMultiplyAddsPerSecond / bench_case.threads();
}

double verified_rows(const Problem& p) { return p.n_q <= kAllRows ? static_cast<double>(p.n_q) : kSampledRows; }

// Rows that the inputs' worker computes: exact ones to verify with, then exact and baseline ones of the approximation error.
double exact_rows_made(const Problem& p) {
  if (p.n_q <= kAllRows) return 2.0 * static_cast<double>(p.n_q);
  return kSampledRows + 2 * std::min(kApproximationRows, kApproximationPairs / static_cast<double>(p.n_k));
}

Prediction predict_by_cost(const Cost& cost, const VariantConfig& config, const Problem& problem, int threads, CacheMode cache) {
  const auto rates = rates_of(*config.variant);
  const double compute = cost.multiply_adds / rates.multiply_adds + cost.exps / rates.exps;
  const double serial = std::max(compute, cost.bytes / kBytesPerSecond);
  const double outputs = 4.0 * problem.batch * problem.heads_q * problem.n_q * problem.d_v;
  const auto workspace = static_cast<double>(declared_workspace(*config.variant, problem, config.params, threads));
  double extras = 0;
  for (const auto& spec : config.extras(problem)) extras += static_cast<double>(spec.bytes());
  return {.seconds = kCallSeconds + serial * (1 - kParallelShare + kParallelShare / threads),
          .peak_bytes = kProcessBytes + compulsory_bytes(problem) + extras + workspace + cost.external_bytes +
                        std::max(outputs, extra_set_bytes(problem, cache)),  // verify() keeps a second output
          .start_seconds = cost.start_seconds};
}

}  // namespace

Prediction predict(const VariantConfig& config, const Problem& problem, int threads, CacheMode cache) {
  return predict_by_cost(config.variant->cost(problem, config.params), config, problem, threads, cache);
}

Prediction predict(const Case& bench_case, CacheMode cache) {
  return predict_by_cost(declared_cost(bench_case), bench_case.config, bench_case.problem(), bench_case.threads(), cache);
}

CaseTimeEstimate estimate_case_time(const Case& bench_case, const Sampling& sampling) {
  const double call = bench_case.prediction.seconds, start = kProcessSeconds + bench_case.prediction.start_seconds;
  const double oracle = oracle_seconds(bench_case, verified_rows(bench_case.problem()));
  const double samples = sampling.samples * std::max(call, sampling.min_sample_seconds);
  return {.inputs = kProcessSeconds + oracle_seconds(bench_case, exact_rows_made(bench_case.problem())),
          .verify = start + 2 * call + kOracles * oracle,
          .round = start + kProbeSeconds + call + std::max(call, sampling.warmup_seconds) + samples,
          .memory = start + 2 * call};
}

double predicted_rounds(const CaseTimeEstimate& pieces, double rounds, double spent, const Sampling& sampling) {
  if (rounds <= 0) return 0;
  return std::min(rounds * pieces.round, std::max(sampling.cap_seconds - spent, pieces.round));
}

double predicted_case_seconds(const Case& bench_case, const Sampling& sampling) {
  if (bench_case.status != CaseStatus::planned) return 0;
  const auto pieces = estimate_case_time(bench_case, sampling);
  return pieces.verify + predicted_rounds(pieces, sampling.rounds, 0, sampling) + pieces.memory;
}

double predicted_plan_seconds(const Plan& plan) {
  double seconds = 0;
  for (const auto* bench_case : plan.cases()) seconds += predicted_case_seconds(*bench_case, plan.sampling);
  return seconds;
}

}  // namespace attnbench
