#include "variants/kernels/softmax/combine_splits.h"

#include <algorithm>
#include <cmath>

#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/score_units.h"

namespace attnbench::kernels {
namespace {

void merge_row(const RunTask& run, const ScoreTerms& terms, const Splits& splits, std::int64_t rows, std::int64_t row) {
  const auto& p = run.problem;
  const auto h = row / p.n_q % p.heads_q;
  float* out = run.out().row(row / (p.heads_q * p.n_q), h, row % p.n_q);
  std::fill_n(out, p.d_v, 0.0f);
  const auto units = score_units(p, terms);
  const auto state = [rows, row](std::int64_t split) { return split * rows + row; };
  if (terms.pointwise) {
    for (std::int64_t s = 0; s < splits.count; ++s) axpy(1.0f, splits.outputs + state(s) * p.d_v, out, p.d_v);
    return;
  }
  float max = splits.row_max[row], total = 0;
  for (std::int64_t s = 1; s < splits.count; ++s) max = std::max(max, splits.row_max[state(s)]);
  for (std::int64_t s = 0; s < splits.count; ++s)
    total += splits.row_sum[state(s)] * std::exp2(units.to_log2 * (splits.row_max[state(s)] - max));
  if (total == 0.0f) return;
  total = terms.sum_with_sink(h, total, max, units.final_scale);
  for (std::int64_t s = 0; s < splits.count; ++s) {
    const float weight = splits.row_sum[state(s)] * std::exp2(units.to_log2 * (splits.row_max[state(s)] - max)) / total;
    if (weight != 0.0f) axpy(weight, splits.outputs + state(s) * p.d_v, out, p.d_v);
  }
}

}  // namespace

void combine_splits(const RunTask& task, const ScoreTerms& terms, const Splits& splits) {
  const auto rows = task.problem.batch * task.problem.heads_q * task.problem.n_q;
  for (std::int64_t row = 0; row < rows; ++row) merge_row(task, terms, splits, rows, row);
}

}  // namespace attnbench::kernels
