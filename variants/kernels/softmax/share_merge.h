// Split keys: several tasks each attend to one share of a row's keys, and this puts their results together.
//
// The softmax of a row is the mean of its shares, each weighted by its sum brought to the common maximum (Dao et al. 2023,
// Flash-Decoding). Shares are added in their order, so the result does not depend on which thread finished first.
#pragma once

#include <cstdint>

#include "variants/api/variant.h"

namespace attnbench::kernels {

/// What the shares left: outputs [shares][row][d_v], each already divided by its own sum; row_max (in the units of score_units.h)
/// and row_sum [shares][row]. Rows count over (batch, query head, query).
struct Shares {
  std::int64_t count;
  const float *outputs, *row_max, *row_sum;
};

/// Writes every row of task.output.
void merge_shares(const RunTask& task, const Shares& shares);

}  // namespace attnbench::kernels
