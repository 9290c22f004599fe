// Split keys: several tasks each attend to one split of a row's keys, and this puts their results together.
//
// The softmax of a row is the mean of its splits, each weighted by its sum brought to the common maximum (Dao et al. 2023,
// Flash-Decoding). Splits are added in their order, so the result does not depend on which thread finished first.
#pragma once

#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/softmax/score_terms.h"

namespace attnbench::kernels {

/// What the splits left: outputs [splits][row][d_v], each already divided by its own sum; row_max (in the units of score_units.h)
/// and row_sum [splits][row]. Rows count over (batch, query head, query).
struct Splits {
  std::int64_t count;
  const float *outputs, *row_max, *row_sum;
};

/// Writes every row of task.output. A sink joins here, once; pointwise splits are added.
void combine_splits(const RunTask& task, const ScoreTerms& terms, const Splits& splits);

}  // namespace attnbench::kernels
