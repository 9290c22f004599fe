// A plugin with everything a descriptor can have: parameters of each kind, prepared state, a pattern, a clock of its own, facts.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("every", 3, 1, 64, "a query sees every so-many-th key, counted from itself"),
    real_param("temper", 1, 0.1, 10, "refused unless 1: here to carry a real number across"),
    choice_param("mode", "plain", "plain|odd", "odd is refused: here to carry a word across"),
};

std::int64_t every(const Params& params) { return params.integer("every"); }

// Prepared: for each remainder of a position, the keys it sees.
using Keys = std::vector<std::vector<std::int64_t>>;

Prepared list_keys(const PrepareTask& task) {
  Keys keys(static_cast<std::size_t>(every(task.params)));
  for (std::int64_t j = 0; j < task.problem.n_k; ++j) keys[static_cast<std::size_t>(j % every(task.params))].push_back(j);
  const auto bytes = static_cast<std::size_t>(task.problem.n_k) * sizeof(std::int64_t);
  return Prepared::of(std::move(keys), bytes);
}

bool attends(const MaskTask& task, std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
  return j % every(task.params) == i % every(task.params);
}

void attend_row(const RunTask& task, std::int64_t b, std::int64_t h, std::int64_t i, float* weights) {
  const auto& p = task.problem;
  const float* q = task.inputs.queries().row(b, h, i);
  float* out = task.out().row(b, h, i);
  std::fill_n(out, p.d_v, 0.0f);
  const auto& keys = task.prepared.as<Keys>()[static_cast<std::size_t>(i % every(task.params))];
  const auto seen = static_cast<std::int64_t>(std::lower_bound(keys.begin(), keys.end(), visible_keys(p, b, i).end) - keys.begin());
  float top = -std::numeric_limits<float>::infinity(), total = 0;
  for (std::int64_t t = 0; t < seen; ++t) {
    const float* k = task.inputs.keys().row(b, h, keys[static_cast<std::size_t>(t)]);
    weights[t] = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weights[t] += q[c] * k[c];
    weights[t] *= static_cast<float>(p.effective_scale());
    top = std::max(top, weights[t]);
  }
  for (std::int64_t t = 0; t < seen; ++t) total += weights[t] = std::exp(weights[t] - top);
  for (std::int64_t t = 0; t < seen; ++t) {
    const float* v = task.inputs.values().row(b, h, keys[static_cast<std::size_t>(t)]);
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weights[t] / total * v[c];
  }
}

std::span<float> take_scratch(const RunTask& task) {
  return task.workspace.allocate<float>(task.parallel.threads() * task.problem.n_k);
}

void attend(const RunTask& task, std::span<float> weights) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q * p.n_q, [&](std::int64_t t, int slot) {
    attend_row(task, t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, t % p.n_q, weights.data() + slot * p.n_k);
  });
}

void run(const RunTask& task) { attend(task, take_scratch(task)); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return workspace_bytes<float>(threads * p.n_k); }

void unsupported(const Problem&, const Params& params, Reasons& reasons) {
  if (params.real("temper") != 1) reasons.push_back("patterned has no temper but 1, got " + std::to_string(params.real("temper")));
  if (params.choice("mode") == "odd") reasons.push_back("patterned cannot be odd");
}

Cost cost(const Problem& p, const Params& params) {
  double pairs = 0;
  for (std::int64_t i = 0; i < p.n_q; ++i)
    for (auto j = i % every(params); j < visible_keys(p, 0, i).end; j += every(params)) pairs += 1;
  pairs *= static_cast<double>(p.batch * p.heads_q);
  return {.multiply_adds = pairs * (p.d_qk + p.d_v),
          .exps = pairs,
          .bytes = compulsory_bytes(p),
          .pairs = pairs,
          .external_bytes = 5e6,  // of the library that it plays
          .start_seconds = 0.25,
          .depth = 3};
}

double time_calls(const RunTask& task, std::int64_t count) {
  const auto scratch = take_scratch(task);
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < count; ++i) attend(task, scratch);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Facts implementation(const RunTask& task) {
  return {{"library", "patterned 2.1"},
          {"kernel", "plain loops"},
          {"threads", "the host's, " + std::to_string(task.parallel.threads())}};
}

}  // namespace

ATTNBENCH_VARIANT(patterned) = {
    .name = "patterned",
    .family = "sparse",
    .summary = "every third key, by remainder",
    .paper = "none: made for the tests",
    .computes = Computes::masked_softmax,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n)",
    .supports = kCausal | kUnequalDims,
    .laws = kRowStochastic | kIndependentHeads | kWeightsReadable,
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = list_keys,
    .run = run,
    .attends = attends,
    .time_calls = time_calls,
    .implementation = implementation,
};

}  // namespace attnbench
