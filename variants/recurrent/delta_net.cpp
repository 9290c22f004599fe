// DeltaNet: linear attention that first takes out of the state what a key finds there, and so overwrites instead of adding.
//
//   S_t = S_{t-1} + beta_t k_t (v_t - S_{t-1}^T k_t)^T,  o_t = s q_t^T S_t
//                                              Schlag et al. 2021, Linear Transformers Are Secretly Fast Weight Programmers,
//                                              section 4; Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule,
//                                              equations 5 to 8
//
// Queries and keys are read as x / sqrt(|x|^2 + 1e-6): a step multiplies the state along k by 1 - beta |k|^2, and keys of N(0, 1)
// numbers at d 64 would overflow within 100 positions. The extra input `beta` [b, h_kv, n_k, 1] is made as sigmoid(Z); span=2
// doubles it (Grazzi et al. 2025: negative eigenvalues). s = 1 / sqrt(d_qk) unless the problem gives one.
//
// Cost: 3 n d d_v per head: what the key finds, what is written, what the query reads; extra memory d d_v per thread.
#include <algorithm>
#include <cmath>

#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/linear/recurrent_oracle.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("span", 1, 1, 2, "what `beta` is multiplied by: 2 lets the state change sign along a key"),
};

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "beta",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::sigmoid(0),
           .help = "how much of what a key finds is replaced, in [0, 2]"}};
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::none,
          .erase = true,
          .keys = kernels::KeyForm::unit,
          .unit_queries = true,
          .scale = static_cast<float>(p.effective_scale())};
}

void factors(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  kernels::set_weights(task.inputs.extra("beta"), static_cast<float>(task.params.integer("span")), b, kv, positions, out);
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p), extras(p, params)); }

// ---- Float64 reference: equations 5 to 8 ---------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const double beta = *task.inputs.extra("beta").row(b, kv, j) * static_cast<double>(task.params.integer("span"));
  std::fill(step.decay.begin(), step.decay.end(), 1.0);
  exact_unit_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, -1, step.a.data());
  exact_unit_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, beta, step.b.data());
  step.k = step.b;
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.erases = true, .step = exact_step, .query = exact_unit_query}); }

}  // namespace

ATTNBENCH_VARIANT(delta_net) = {
    .name = "delta_net",
    .summary = "linear attention by the delta rule: a key replaces what it finds in the state",
    .paper = "Yang et al. 2024, Parallelizing Linear Transformers with the Delta Rule over Sequence Length, section 2.2",
    .equation = "S_t = S_{t-1} + beta_t k_t (v_t - S_{t-1}^T k_t)^T\no_t = s q_t^T S_t",
    .computes = Computes::own_definition,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.2e9},
    .params = kParams,
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
