// Naive attention, the definition written out in plain loops: read this one first.
//
//   O = softmax(scale Q K^T + mask) V                      Vaswani et al. 2017, section 3.2.1, equation 1
//
// The whole n_q x n_k weight matrix of every head is stored, as the equation suggests. No BLAS, no SIMD, no tricks: this is the
// baseline that the others' speed-up is counted from. Rows are shared out over threads; each row is
//   score every visible key, subtract the row's maximum, exponentiate, normalise, sum the values.
#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/api/variant.h"

namespace attnbench {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();

float score(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
  const auto& p = task.problem;
  float bias = 0;
  if (p.mask.kind == MaskKind::boolean && !task.inputs.mask.as<const std::uint8_t>().row(b, h, i)[j]) return kMasked;
  if (p.mask.kind == MaskKind::additive) bias = task.inputs.mask.as<const float>().row(b, h, i)[j];
  if (bias == kMasked) return kMasked;
  const float* q = task.inputs.queries().row(b, h, i);
  const float* k = task.inputs.keys().row(b, p.kv_head(h), j);
  float s = 0;
  for (std::int64_t c = 0; c < p.d_qk; ++c) s += q[c] * k[c];
  s *= static_cast<float>(p.effective_scale());
  if (p.softcap) s = static_cast<float>(*p.softcap) * std::tanh(s / static_cast<float>(*p.softcap));
  return s + bias;
}

// weights: the visible part of one row of the matrix, overwritten by its softmax; all zero when no key is visible.
void softmax(float* weights, std::int64_t count) {
  const float top = *std::max_element(weights, weights + count);
  float total = 0;
  for (std::int64_t j = 0; j < count; ++j) {
    weights[j] = top == kMasked ? 0.0f : std::exp(weights[j] - top);
    total += weights[j];
  }
  for (std::int64_t j = 0; j < count && total > 0; ++j) weights[j] /= total;
}

void attend_row(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, float* weights) {
  const auto& p = task.problem;
  const auto keys = visible_keys(p, b, i);
  float* out = task.out().row(b, h, i);
  std::fill_n(out, p.d_v, 0.0f);
  if (keys.size() == 0) return;
  for (std::int64_t j = keys.begin; j < keys.end; ++j) weights[j] = score(task, b, h, i, j);
  softmax(weights + keys.begin, keys.size());
  for (std::int64_t j = keys.begin; j < keys.end; ++j) {
    if (weights[j] == 0.0f) continue;  // a masked key's value may be NaN
    const float* v = task.inputs.values().row(b, p.kv_head(h), j);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weights[j] * v[c];
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto weights = task.workspace.allocate<float>(p.batch * p.heads_q * p.n_q * p.n_k);
  task.parallel.for_each(p.batch * p.heads_q * p.n_q, [&](std::int64_t t, int) {
    attend_row(task, t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, t % p.n_q, weights.data() + t * p.n_k);
  });
}

std::size_t workspace(const Problem& p, const Params&, int) { return workspace_bytes<float>(p.batch * p.heads_q * p.n_q * p.n_k); }

Cost cost(const Problem& p, const Params&) {
  const double pairs = visible_pairs(p);
  return {.multiply_adds = pairs * (p.d_qk + p.d_v),
          .exps = pairs * (p.softcap ? 2 : 1),
          .bytes = compulsory_bytes(p) + 2 * 4 * pairs,
          .pairs = pairs};
}

}  // namespace

ATTNBENCH_VARIANT(naive) = {
    .name = "naive",
    .summary = "softmax(Q K^T / sqrt(d)) V in plain loops, the whole weight matrix stored",
    .paper = "Vaswani et al. 2017, Attention Is All You Need, section 3.2.1",
    .equation = "O = softmax(Q K^T / sqrt(d) + mask) V",
    .computes = Computes::exact_softmax,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n^2)",
    .supports = kEverything,
    .laws = kSoftmaxLaws,
    .rates = {1.5e9, 0.1e9},  // scalar loops, std::exp
    .cost = cost,
    .workspace = workspace,
    .run = run,
};

}  // namespace attnbench
