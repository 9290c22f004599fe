// Retention: linear attention without a feature map or normaliser whose keys fade at a rate that each head has of its own.
//
//   o_i = sum_{j <= i} gamma_h^(i-j) s (q_i . k_j) v_j          Sun et al. 2023, Retentive Network, section 2.1, equation 3
//   S_i = gamma_h S_{i-1} + k_i v_i^T,  o_i = s q_i^T S_i       equation 5, in the letters of this suite; s = 1 / sqrt(d_qk)
//
// `decay` names the law of gamma_h, h = 0 .. H-1 over key/value heads:
//   retnet     1 - 2^(-5-h): half-lives of 22, 44, 88, ... positions
//   lightning  exp(-2^(-8(h+1)/H) (1 - depth + 1e-5)): MiniMax-01 2025; lightning attention, Qin et al. 2024, is this file
//   fla        exp(-(8/H) (1 - depth) h): the law of the flash-linear-attention library, whose head 0 never forgets
//   constant   the parameter `gamma`
// depth = l / (L - 1) of layer l of L. Left out are xPos, a rotation of queries and keys that the data may bring along, and what
// follows in the paper's layer: group normalisation, under which its normalisers of scores cancel.
//
// Cost: 2 n d d_v per head; extra memory d d_v per thread.
#include <algorithm>
#include <cmath>

#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/linear/recurrent_oracle.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    choice_param("decay", "retnet", "retnet|lightning|fla|constant", "the law of each head's gamma"),
    real_param("gamma", 0.96875, 0, 1, "decay=constant: gamma of all heads"),
    real_param("depth", 0, 0, 1, "decay=lightning, fla: l / (L - 1) of the layer that is computed"),
};

double gamma_of(const Problem& p, const Params& params, std::int64_t kv) {
  const auto& law = params.choice("decay");
  const double head = static_cast<double>(kv), heads = static_cast<double>(p.heads_kv), depth = params.real("depth");
  if (law == "constant") return params.real("gamma");
  if (law == "lightning") return std::exp(-std::exp2(-8 * (head + 1) / heads) * (1 - depth + 1e-5));
  if (law == "fla") return std::exp(-8 / heads * (1 - depth) * head);
  return 1 - std::exp2(-5 - head);
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::scalar, .scale = static_cast<float>(p.effective_scale())};
}

void factors(const RunTask& task, std::int64_t, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  std::fill_n(out.decay, positions.size(), gamma_of(task.problem, task.params, kv));
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params&) { return kernels::recurrence_cost(p, recurrence(p), {}); }

// ---- Float64 reference: equation 5 -----------------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const float* k = task.inputs.keys().row(b, kv, j);
  std::fill(step.decay.begin(), step.decay.end(), gamma_of(task.problem, task.params, kv));
  std::copy_n(k, task.problem.d_qk, step.k.begin());
}

void exact_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q) {
  exact_scaled_row(task.inputs.queries().row(b, h, i), task.problem.d_qk, task.problem.effective_scale(), q);
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.step = exact_step, .query = exact_query}); }

}  // namespace

ATTNBENCH_VARIANT(retention) = {
    .name = "retention",
    .summary = "linear attention whose keys fade at a fixed rate per head: RetNet, lightning attention",
    .paper = "Sun et al. 2023, Retentive Network: A Successor to Transformer for Large Language Models, section 2.1",
    .equation = "o_i = sum_{j <= i} gamma_h^(i-j) s q_i^T k_j v_j\nS_i = gamma_h S_{i-1} + k_i v_i^T, o_i = s q_i^T S_i",
    .computes = Computes::own_definition,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.2e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
