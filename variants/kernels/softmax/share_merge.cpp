#include "variants/kernels/softmax/share_merge.h"

#include <algorithm>
#include <cmath>

#include "variants/kernels/simd/vector_ops.h"
#include "variants/kernels/softmax/score_units.h"

namespace attnbench::kernels {
namespace {

void merge_row(const RunTask& run, const Shares& shares, std::int64_t rows, std::int64_t row) {
  const auto& p = run.problem;
  float* out = run.out().row(row / (p.heads_q * p.n_q), row / p.n_q % p.heads_q, row % p.n_q);
  std::fill_n(out, p.d_v, 0.0f);
  const float to_log2 = score_units(p).to_log2;
  const auto state = [rows, row](std::int64_t share) { return share * rows + row; };
  float max = shares.row_max[row], total = 0;
  for (std::int64_t s = 1; s < shares.count; ++s) max = std::max(max, shares.row_max[state(s)]);
  for (std::int64_t s = 0; s < shares.count; ++s)
    total += shares.row_sum[state(s)] * std::exp2(to_log2 * (shares.row_max[state(s)] - max));
  if (total == 0.0f) return;
  for (std::int64_t s = 0; s < shares.count; ++s) {
    const float weight = shares.row_sum[state(s)] * std::exp2(to_log2 * (shares.row_max[state(s)] - max)) / total;
    if (weight != 0.0f) axpy(weight, shares.outputs + state(s) * p.d_v, out, p.d_v);
  }
}

}  // namespace

void merge_shares(const RunTask& task, const Shares& shares) {
  const auto rows = task.problem.batch * task.problem.heads_q * task.problem.n_q;
  for (std::int64_t row = 0; row < rows; ++row) merge_row(task, shares, rows, row);
}

}  // namespace attnbench::kernels
