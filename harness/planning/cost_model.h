// Cost model: what a case will take, from its declared cost alone. It decides skips and the first ETA, so it errs on the slow side;
// measured times replace it as soon as there are any.
#pragma once

#include "harness/planning/plan.h"

namespace attnbench {

/// Seconds of one call and peak bytes of the process that makes it.
Prediction predict(const Selected& selected, const Problem& problem, int threads);

/// Seconds to verify and measure a planned case under this sampling, process starts included.
double predicted_case_seconds(const Case& planned, const Sampling& sampling);

/// The same, summed over the planned cases of a plan.
double predicted_plan_seconds(const Plan& plan);

}  // namespace attnbench
