// The case whose attention matrix is drawn for a heat map: the same variant on a problem that is small enough to look at.
#pragma once

#include "harness/planning/variant_config.h"

namespace attnbench {

/// The problem whose matrix is drawn for a case: the same with at most kWeightsTokens queries and keys and no dense mask or key
/// lengths.
Problem weights_problem(const Problem& problem);
constexpr std::int64_t kWeightsTokens = 64;

/// The selection that is drawn. A pattern wider than the picture would fill it, so a variant with a pattern of its own has its
/// token counts (whole-number parameters above a sixteenth of the picture) scaled down together, the largest to that sixteenth.
VariantConfig weights_selection(const VariantConfig& config);

}  // namespace attnbench
