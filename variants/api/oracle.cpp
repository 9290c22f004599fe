#include "variants/api/oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace attnbench {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

// Four partial sums: a single one would wait for each addition, and the oracle runs millions of these.
double dot(const float* a, const float* b, std::int64_t d) {
  double sum[4] = {};
  std::int64_t c = 0;
  for (; c + 4 <= d; c += 4)
    for (int lane = 0; lane < 4; ++lane) sum[lane] += static_cast<double>(a[c + lane]) * static_cast<double>(b[c + lane]);
  for (; c < d; ++c) sum[0] += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// Scores of one query row; keys it may not see are kHidden and never read.
void score_row(const OracleTask& task, AttendsFunction attends, std::int64_t b, std::int64_t h, std::int64_t i, double* scores) {
  const auto& p = task.problem;
  const MaskTask mask_task{p, task.params, task.prepared};
  const auto q = task.inputs.queries();
  const auto k = task.inputs.keys();
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    scores[j] = kHidden;
    if (!problem_attends(p, task.inputs, b, h, i, j)) continue;
    if (attends && !attends(mask_task, b, h, i, j)) continue;
    const double bias = p.mask.kind == MaskKind::additive ? double{task.inputs.mask.as<const float>().row(b, h, i)[j]} : 0.0;
    if (bias == kHidden) continue;
    double s = p.effective_scale() * dot(q.row(b, h, i), k.row(b, p.kv_head(h), j), p.d_qk);
    if (p.softcap) s = *p.softcap * std::tanh(s / *p.softcap);
    scores[j] = s + bias;
  }
}

void weighted_values(const OracleTask& task, std::int64_t b, std::int64_t h, const double* scores, double* out) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  std::fill_n(out, p.d_v, 0.0);
  const double top = *std::max_element(scores, scores + p.n_k);
  if (top == kHidden) return;
  double total = 0;
  for (std::int64_t j = 0; j < p.n_k; ++j) {
    if (scores[j] == kHidden) continue;
    const double weight = std::exp(scores[j] - top);
    const float* value = v.row(b, p.kv_head(h), j);
    total += weight;
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(value[c]);
  }
  for (std::int64_t c = 0; c < p.d_v; ++c) out[c] /= total;
}

}  // namespace

bool problem_attends(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  const auto offset = p.n_k - p.n_q;
  if (p.causal == Causal::top_left && j > i) return false;
  if (p.causal == Causal::bottom_right && j > i + offset) return false;
  if (p.window) {
    const auto distance = j - (p.causal == Causal::top_left ? i : i + offset);
    if (p.window->left != Window::kUnbounded && -distance > p.window->left) return false;
    if (p.window->right != Window::kUnbounded && distance > p.window->right) return false;
  }
  if (!p.key_lengths.empty() && j >= p.key_lengths[static_cast<std::size_t>(b)]) return false;
  if (p.mask.kind == MaskKind::boolean) return inputs.mask.as<const std::uint8_t>().row(b, h, i)[j] != 0;
  return true;
}

void dense_oracle(const OracleTask& task, AttendsFunction attends) {
  const auto& p = task.problem;
  const auto row_count = static_cast<std::int64_t>(task.rows.size());
  std::vector<double> scores(static_cast<std::size_t>(task.parallel.threads() * p.n_k));
  task.parallel.for_ranges(p.batch * p.heads_q * row_count, 8, [&](std::int64_t begin, std::int64_t end, int slot) {
    double* row_scores = scores.data() + slot * p.n_k;
    for (std::int64_t t = begin; t < end; ++t) {
      const auto b = t / (p.heads_q * row_count);
      const auto h = t / row_count % p.heads_q;
      const auto r = t % row_count;
      score_row(task, attends, b, h, task.rows[static_cast<std::size_t>(r)], row_scores);
      weighted_values(task, b, h, row_scores, task.out_row(b, h, r));
    }
  });
}

void reference(const Variant& variant, const OracleTask& task) {
  if (variant.oracle) variant.oracle(task);
  else dense_oracle(task, variant.attends);
}

}  // namespace attnbench
