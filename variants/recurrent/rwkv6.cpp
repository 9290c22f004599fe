// RWKV-6 (Finch): linear attention with a gate per channel and key, whose rows read the state before their own key changes it.
//
//   o_t = r_t^T (S_{t-1} + diag(u) k_t v_t^T),  S_t = diag(e^{g_t}) S_{t-1} + k_t v_t^T
//                                              Peng et al. 2024, Eagle and Finch, section 4, equations 16 to 19
//
// r is the suite's q. The gate of step t therefore fades what later rows read; the row's own key counts by the bonus u alone. Extra
// inputs: `log_decay` [b, h_kv, n_k, d_qk] holds g <= 0 (the paper's w is e^g, its own g -exp of what the layer projects), made as
// the gates of a new Mamba-2 layer are; `bonus` [1, h_kv, 1, d_qk] is u, made as Z. There is no scale unless the problem gives one.
// The layer's token shift, output gate and group normalisation are not part of it. Rows behind the last key read all of the state.
//
// Cost: 2 n d d_v per head and d exponentials per position; extra memory d d_v per thread.
#include <cmath>

#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/linear/recurrent_oracle.h"

namespace attnbench {
namespace {

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {
      {.name = "log_decay",
       .shape = {p.batch, p.heads_kv, p.n_k, p.d_qk},
       .fill = Fill::mamba_decay(),
       .help = "logarithm of each channel's gate at each key, at most 0"},
      {.name = "bonus", .shape = {1, p.heads_kv, 1, p.d_qk}, .fill = Fill::normal(0, 1), .help = "u, what a row's own key counts"}};
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::channel, .scale = static_cast<float>(p.scale.value_or(1.0)), .read_first = true};
}

void factors(const RunTask& task, std::int64_t, std::int64_t kv, KeyRange, kernels::PositionFactors& out) {
  out.bonus = task.inputs.extra("bonus").row(0, kv, 0);
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors, task.inputs.extra("log_decay")); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p), extras(p, params)); }

// ---- Float64 reference: equations 16 to 19 -------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const float* g = task.inputs.extra("log_decay").row(b, kv, j);
  const float* u = task.inputs.extra("bonus").row(0, kv, 0);
  for (std::size_t c = 0; c < step.decay.size(); ++c) step.decay[c] = std::exp(static_cast<double>(g[c]));
  step.bonus.assign(u, u + task.problem.d_qk);
  exact_scaled_row(task.inputs.keys().row(b, kv, j), task.problem.d_qk, 1, step.k.data());
}

void exact_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q) {
  exact_scaled_row(task.inputs.queries().row(b, h, i), task.problem.d_qk, task.problem.scale.value_or(1.0), q);
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.reads_first = true, .step = exact_step, .query = exact_query}); }

}  // namespace

ATTNBENCH_VARIANT(rwkv6) = {
    .name = "rwkv6",
    .summary = "RWKV-6: gates per channel, rows read the state before their own key, which counts by a bonus",
    .paper = "Peng et al. 2024, Eagle and Finch: RWKV with Matrix-Valued States and Dynamic Recurrence, section 4",
    .equation = "o_t = r_t^T (S_{t-1} + diag(u) k_t v_t^T)\nS_t = diag(e^g_t) S_{t-1} + k_t v_t^T",
    .computes = Computes::own_definition,
    .time_label = "O(n d^2)",
    .memory_label = "O(d^2)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths | kScale,
    .laws = kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {15e9, 0.2e9},
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
