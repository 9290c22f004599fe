// Kimi Delta Attention: the delta rule on a state whose channels fade by a gate each.
//
//   S_t = (I - beta_t k_t k_t^T) diag(e^{g_t}) S_{t-1} + beta_t k_t v_t^T,  o_t = s q_t^T S_t
//                                              Kimi Linear (arXiv 2510.26692), 2025, equation 1
//
// The state fades first; what a key takes out is what it finds in the faded state. Queries and keys are read as
// x / sqrt(|x|^2 + 1e-6). Extra inputs: `log_decay` [b, h_kv, n_k, d_qk] holds g <= 0, made as a new layer's
// gates are; `beta` [b, h_kv, n_k, 1] as sigmoid(Z), doubled by span=2. The layer's short convolutions and its normalised output
// are not part of it. With one gate for all channels it is gated_delta_net.
//
// Cost: 3 n d d_v per head, d exponentials per position; extra memory d d_v per thread.
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
  return {{.name = "log_decay",
           .shape = {p.batch, p.heads_kv, p.n_k, p.d_qk},
           .fill = Fill::mamba_decay(),
           .help = "logarithm of each channel's gate at each key, at most 0"},
          {.name = "beta",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::sigmoid(0),
           .help = "how much of what a key finds is replaced, in [0, 2]"}};
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::channel,
          .erase = true,
          .keys = kernels::KeyForm::unit,
          .unit_queries = true,
          .scale = static_cast<float>(p.effective_scale())};
}

void factors(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  kernels::set_weights(task.inputs.extra("beta"), static_cast<float>(task.params.integer("span")), b, kv, positions, out);
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors, task.inputs.extra("log_decay")); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p), extras(p, params)); }

// ---- Float64 reference: equation 1 ---------------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const double beta = *task.inputs.extra("beta").row(b, kv, j) * static_cast<double>(task.params.integer("span"));
  const float* g = task.inputs.extra("log_decay").row(b, kv, j);
  exact_unit_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, -1, step.a.data());
  exact_unit_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, beta, step.b.data());
  step.k = step.b;
  for (std::size_t c = 0; c < step.decay.size(); ++c) {
    step.decay[c] = std::exp(static_cast<double>(g[c]));
    step.a[c] *= step.decay[c];
  }
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.erases = true, .step = exact_step, .query = exact_unit_query}); }

}  // namespace

ATTNBENCH_VARIANT(kimi_delta) = {
    .name = "kimi_delta",
    .summary = "Kimi Delta Attention: the delta rule on a state whose channels decay by a gate each",
    .paper = "Kimi Team 2025, Kimi Linear: An Expressive, Efficient Attention Architecture, section 3",
    .equation = "S_t = (I - beta_t k_t k_t^T) diag(e^g_t) S_{t-1} + beta_t k_t v_t^T\no_t = s q_t^T S_t",
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
