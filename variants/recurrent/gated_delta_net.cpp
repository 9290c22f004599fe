// Gated DeltaNet: the delta rule on a state that fades by one gate per key and head.
//
//   S_t = e^{g_t} (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T,  o_t = s q_t^T S_t
//                                              Yang, Kautz and Hatamizadeh 2025, Gated Delta Networks, equation 10 (its S
//                                              transposed)
//
// The state fades first; what a key takes out is what it finds in the faded state. Queries and keys are read as
// x / sqrt(|x|^2 + 1e-6). Extra inputs: `log_decay` [b, h_kv, n_k, 1] holds g <= 0, made as a new layer's
// gates are; `beta` [b, h_kv, n_k, 1] as sigmoid(Z), doubled by span=2. The layer's short convolutions and its normalised output
// are not part of it. With g = 0 it is delta_net.
//
// Cost: 3 n d d_v per head, an exponential per position; extra memory d d_v per thread.
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
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::mamba_decay(),
           .help = "logarithm of the gate at each key, at most 0"},
          {.name = "beta",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::sigmoid(0),
           .help = "how much of what a key finds is replaced, in [0, 2]"}};
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::scalar,
          .erase = true,
          .keys = kernels::KeyForm::unit,
          .unit_queries = true,
          .scale = static_cast<float>(p.effective_scale())};
}

void factors(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  kernels::set_decays(task.inputs.extra("log_decay"), b, kv, positions, out);
  kernels::set_weights(task.inputs.extra("beta"), static_cast<float>(task.params.integer("span")), b, kv, positions, out);
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p), extras(p, params)); }

// ---- Float64 reference: equation 10 --------------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const double beta = *task.inputs.extra("beta").row(b, kv, j) * static_cast<double>(task.params.integer("span"));
  const double decay = std::exp(static_cast<double>(*task.inputs.extra("log_decay").row(b, kv, j)));
  std::fill(step.decay.begin(), step.decay.end(), decay);
  exact_unit_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, -decay, step.a.data());
  exact_unit_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, beta, step.b.data());
  step.k = step.b;
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.erases = true, .step = exact_step, .query = exact_unit_query}); }

}  // namespace

ATTNBENCH_VARIANT(gated_delta_net) = {
    .name = "gated_delta_net",
    .summary = "the delta rule on a state that decays by one gate per key",
    .paper = "Yang, Kautz and Hatamizadeh 2025, Gated Delta Networks: Improving Mamba2 with Delta Rule, section 3.1",
    .equation = "S_t = e^g_t (I - beta_t k_t k_t^T) S_{t-1} + beta_t k_t v_t^T\no_t = s q_t^T S_t",
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
