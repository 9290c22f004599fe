// Gated linear attention: every channel of the state fades by a gate of its own at every position.
//
//   S_t = diag(e^{g_t}) S_{t-1} + k_t v_t^T,  o_t = s q_t^T S_t      Yang et al. 2024, Gated Linear Attention, equations 3 and 4
//
// The extra input `log_decay` [b, h_kv, n_k, d_qk] holds g <= 0; it is made as the paper's layer learns it, log sigmoid(Z) / tau
// with tau 16. k=one_minus_gate takes 1 - e^{g_t} in place of k_t: HGRN2 (Qin et al. 2024, section 3.2), whose layer has no scale.
// The scale s is 1 / sqrt(d_qk) or, for HGRN2, 1, unless the problem gives one. A gate belongs to a key: beyond a key length
// nothing decays either.
//
// Cost: 2 n d d_v per head and d exponentials per position; extra memory d d_v per thread.
#include <algorithm>
#include <cmath>

#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/linear/recurrent_oracle.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    choice_param("k", "input", "input|one_minus_gate", "input: the keys; one_minus_gate: 1 - e^log_decay in their place (HGRN2)"),
    real_param("tau", 16, 1, 64, "log_decay where no dataset holds it: log sigmoid(Z) / tau"),
};

bool keys_are_gates(const Params& params) { return params.choice("k") == "one_minus_gate"; }

double scale_of(const Problem& p, const Params& params) {
  return keys_are_gates(params) ? p.scale.value_or(1.0) : p.effective_scale();
}

std::vector<InputSpec> extras(const Problem& p, const Params& params) {
  return {{.name = "log_decay",
           .shape = {p.batch, p.heads_kv, p.n_k, p.d_qk},
           .fill = Fill::log_sigmoid(0, params.real("tau")),
           .help = "logarithm of each channel's gate at each key, at most 0"}};
}

kernels::Recurrence recurrence(const Problem& p, const Params& params) {
  return {.decay = kernels::Decay::channel,
          .keys = keys_are_gates(params) ? kernels::KeyForm::one_minus_decay : kernels::KeyForm::plain,
          .scale = static_cast<float>(scale_of(p, params))};
}

void run(const RunTask& task) {
  kernels::run_recurrence(task, recurrence(task.problem, task.params), nullptr, task.inputs.extra("log_decay"));
}

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p, params), extras(p, params)); }

// ---- Float64 reference: equation 3 ---------------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const float* g = task.inputs.extra("log_decay").row(b, kv, j);
  const float* k = task.inputs.keys().row(b, kv, j);
  const bool gates = keys_are_gates(task.params);
  for (std::size_t c = 0; c < step.decay.size(); ++c) {
    step.decay[c] = std::exp(static_cast<double>(g[c]));
    step.k[c] = gates ? -std::expm1(static_cast<double>(g[c])) : static_cast<double>(k[c]);
  }
}

void exact_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q) {
  exact_scaled_row(task.inputs.queries().row(b, h, i), task.problem.d_qk, scale_of(task.problem, task.params), q);
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.step = exact_step, .query = exact_query}); }

}  // namespace

ATTNBENCH_VARIANT(gla) = {
    .name = "gla",
    .summary = "gated linear attention: each channel of the state decays by a gate of each key; HGRN2 by a parameter",
    .paper = "Yang et al. 2024, Gated Linear Attention Transformers with Hardware-Efficient Training, section 4",
    .equation = "S_t = diag(e^g_t) S_{t-1} + k_t v_t^T\no_t = s q_t^T S_t",
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
