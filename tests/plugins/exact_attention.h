// Exact attention in plain loops, for test plugins that are honest until they are not.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/api/variant.h"

namespace attnbench::exact {

constexpr std::uint32_t kFeatures = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths;

inline void attend_row(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, float* weights) {
  const auto& p = task.problem;
  const float* q = task.inputs.queries().row(b, h, i);
  float* out = task.out().row(b, h, i);
  std::fill_n(out, p.d_v, 0.0f);
  const auto keys = visible_keys(p, b, i);
  float top = -std::numeric_limits<float>::infinity(), total = 0;
  for (auto j = keys.begin; j < keys.end; ++j) {
    const float* k = task.inputs.keys().row(b, p.kv_head(h), j);
    float score = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) score += q[c] * k[c];
    weights[j] = score * static_cast<float>(p.effective_scale());
    top = std::max(top, weights[j]);
  }
  for (auto j = keys.begin; j < keys.end; ++j) total += weights[j] = std::exp(weights[j] - top);
  for (auto j = keys.begin; j < keys.end; ++j) {
    const float* v = task.inputs.values().row(b, p.kv_head(h), j);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weights[j] / total * v[c];
  }
}

inline std::int64_t rows(const Problem& p) { return p.batch * p.heads_q * p.n_q; }

/// Row t of all (batch, head, query) rows.
inline void attend_row(const RunTask& task, std::int64_t t, float* weights) {
  const auto& p = task.problem;
  attend_row(task, t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, t % p.n_q, weights);
}

inline float* scratch(const RunTask& task) {
  return task.workspace.allocate<float>(task.parallel.threads() * task.problem.n_k).data();
}

/// Every `step`-th row.
inline void attend(const RunTask& task, std::int64_t step = 1) {
  float* weights = scratch(task);
  task.parallel.for_each((rows(task.problem) + step - 1) / step,
                         [&](std::int64_t t, int slot) { attend_row(task, t * step, weights + slot * task.problem.n_k); });
}

inline std::size_t workspace(const Problem& p, const Params&, int threads) { return workspace_bytes<float>(threads * p.n_k); }

inline Cost cost(const Problem& p, const Params&) {
  const double pairs = visible_pairs(p);
  return {.multiply_adds = pairs * (p.d_qk + p.d_v), .exps = pairs, .bytes = compulsory_bytes(p), .pairs = pairs};
}

/// A descriptor of exact attention that runs `run`.
constexpr Variant variant(const char* name, void (*run)(const RunTask&), Cost (*declared)(const Problem&, const Params&) = cost) {
  return {.name = name,
          .family = "cheat",
          .summary = "exact attention, but for what its name says",
          .paper = "none: made for the tests",
          .computes = Computes::exact_softmax,
          .time_label = "O(n^2 d)",
          .memory_label = "O(n)",
          .supports = kFeatures,
          .laws = kSoftmaxLaws,
          .cost = declared,
          .workspace = workspace,
          .run = run};
}

}  // namespace attnbench::exact
