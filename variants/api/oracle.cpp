#include "variants/api/oracle.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace attnbench {
namespace {

constexpr double kMasked = -std::numeric_limits<double>::infinity();

// Four partial sums: a single one would wait for each addition, and the oracle runs millions of these.
double dot(const float* a, const float* b, std::int64_t d) {
  double sum[4] = {};
  std::int64_t c = 0;
  for (; c + 4 <= d; c += 4)
    for (int lane = 0; lane < 4; ++lane) sum[lane] += static_cast<double>(a[c + lane]) * static_cast<double>(b[c + lane]);
  for (; c < d; ++c) sum[0] += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// softcap(scale q.k) + additive mask.
double score_of(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  const double s = p.effective_scale() * dot(inputs.queries().row(b, h, i), inputs.keys().row(b, p.kv_head(h), j), p.d_qk);
  return softcapped(p, s) + bias_of(p, inputs, b, h, i, j);
}

// Calls row(b, h, i, t, keys, slot) for every row of the task, t being its place in b, h and the rows, with the keys it sees.
template <class Row>
void for_each_task_row(const OracleTask& task, AttendsFunction attends, Row row) {
  const auto& p = task.problem;
  const auto row_count = static_cast<std::int64_t>(task.rows.size());
  const MaskTask mask_task{p, task.params, task.prepared};
  std::vector<std::int64_t> keys(static_cast<std::size_t>(task.parallel.threads() * p.n_k));
  task.parallel.for_ranges(p.batch * p.heads_q * row_count, 8, [&](std::int64_t begin, std::int64_t end, int slot) {
    std::int64_t* row_keys = keys.data() + slot * p.n_k;
    for (std::int64_t t = begin; t < end; ++t) {
      const auto b = t / (p.heads_q * row_count);
      const auto h = t / row_count % p.heads_q;
      const auto i = task.rows[static_cast<std::size_t>(t % row_count)];
      std::size_t count = 0;
      for (std::int64_t j = 0; j < p.n_k; ++j)
        if (sees_key(p, task.inputs, b, h, i, j) && (!attends || attends(mask_task, b, h, i, j))) row_keys[count++] = j;
      row(b, h, i, t, std::span<const std::int64_t>(row_keys, count), slot);
    }
  });
}

}  // namespace

double softcapped(const Problem& p, double s) { return p.softcap ? *p.softcap * std::tanh(s / *p.softcap) : s; }

double bias_of(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  return p.mask.kind == MaskKind::additive ? double{inputs.mask.as<const float>().row(b, h, i)[j]} : 0.0;
}

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

bool sees_key(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  return problem_attends(p, inputs, b, h, i, j) && bias_of(p, inputs, b, h, i, j) != kMasked;
}

void attend_keys(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i,
                 std::span<const std::int64_t> keys, double* scores, double* out) {
  const auto v = inputs.values();
  double top = kMasked, total = 0;
  for (std::size_t t = 0; t < keys.size(); ++t) {
    scores[t] = score_of(p, inputs, b, h, i, keys[t]);
    top = std::max(top, scores[t]);
  }
  std::fill_n(out, p.d_v, 0.0);
  if (top == kMasked) return;
  for (std::size_t t = 0; t < keys.size(); ++t) {
    const double weight = std::exp(scores[t] - top);
    const float* value = v.row(b, p.kv_head(h), keys[t]);
    total += weight;
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(value[c]);
  }
  for (std::int64_t c = 0; c < p.d_v; ++c) out[c] /= total;
}

void dense_oracle(const OracleTask& task, AttendsFunction attends) {
  const auto& p = task.problem;
  std::vector<double> scores(static_cast<std::size_t>(task.parallel.threads() * p.n_k));
  for_each_task_row(task, attends, [&](auto b, auto h, auto i, std::int64_t t, std::span<const std::int64_t> keys, int slot) {
    attend_keys(p, task.inputs, b, h, i, keys, scores.data() + slot * p.n_k, task.out + t * p.d_v);
  });
}

void dense_log_sum_exp(const OracleTask& task, AttendsFunction attends) {
  const auto& p = task.problem;
  for_each_task_row(task, attends, [&](auto b, auto h, auto i, std::int64_t t, std::span<const std::int64_t> keys, int) {
    double top = kMasked, total = 0;
    for (const auto j : keys) top = std::max(top, score_of(p, task.inputs, b, h, i, j));
    for (const auto j : keys) total += std::exp(score_of(p, task.inputs, b, h, i, j) - top);
    task.out[t] = keys.empty() ? kMasked : top + std::log(total);
  });
}

void softmax_of(std::span<double> scores, double sink) {
  double top = kMasked;
  for (const double s : scores) top = std::max(top, s);
  if (top == kMasked) return void(std::fill(scores.begin(), scores.end(), 0.0));
  top = std::max(top, sink);
  double total = std::exp(sink - top);
  for (double& s : scores) total += s = std::exp(s - top);
  for (double& s : scores) s /= total;
}

void weighted_oracle(const OracleTask& task, const WeighRow& weigh) {
  const auto& p = task.problem;
  std::vector<double> scratch(static_cast<std::size_t>(task.parallel.threads() * p.n_k));
  for_each_task_row(task, nullptr, [&](auto b, auto h, auto i, std::int64_t t, std::span<const std::int64_t> keys, int slot) {
    const std::span<double> weights(scratch.data() + slot * p.n_k, keys.size());
    for (std::size_t k = 0; k < keys.size(); ++k) weights[k] = score_of(p, task.inputs, b, h, i, keys[k]);
    weigh({b, h, i, keys}, weights);
    double* out = task.out + t * p.d_v;
    std::fill_n(out, p.d_v, 0.0);
    for (std::size_t k = 0; k < keys.size(); ++k) {
      if (weights[k] == 0) continue;
      const float* value = task.inputs.values().row(b, p.kv_head(h), keys[k]);
      for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weights[k] * static_cast<double>(value[c]);
    }
  });
}

void reference(const Variant& variant, const OracleTask& task) {
  if (variant.oracle) variant.oracle(task);
  else dense_oracle(task, variant.attends);
}

}  // namespace attnbench
