// Cost model: what a case will take, from its declared cost and built-in rates. This is the prior: it needs no measurement, is the
// same on every machine, and errs on the slow side. What was measured corrects it (fitted_model.h).
#pragma once

#include "harness/planning/prediction.h"
#include "harness/planning/sampling.h"
#include "harness/planning/variant_config.h"

namespace attnbench {

struct Case;
struct Plan;

/// Seconds of one call, and peak bytes of the largest process of the case: the one that verifies, or the one that times when its
/// cache is cold.
Prediction predict(const VariantConfig& config, const Problem& problem, int threads, CacheMode cache = CacheMode::hot);
Prediction predict(const Case& bench_case, CacheMode cache = CacheMode::hot);

/// Of these bytes, what any worker process takes before it holds a tensor.
constexpr double kProcessBytes = 64.0 * 1024 * 1024;  // code, libraries, thread stacks

/// Seconds of the pieces of work of a planned case, process starts included, by its prediction.
struct CaseTimeEstimate {
  double inputs = 0;  // once for all cases that share them
  double verify = 0;
  double round = 0;  // of timing
  double memory = 0;
};
CaseTimeEstimate estimate_case_time(const Case& bench_case, const Sampling& sampling);

/// Seconds that so many rounds take, of a case whose rounds have taken `spent` so far: not much more than the cap leaves.
double predicted_rounds(const CaseTimeEstimate& pieces, double rounds, double spent, const Sampling& sampling);

/// Seconds to verify and measure a case under this sampling; 0 for one that is not planned.
double predicted_case_seconds(const Case& bench_case, const Sampling& sampling);

/// The same, summed over the planned cases of a plan.
double predicted_plan_seconds(const Plan& plan);

}  // namespace attnbench
