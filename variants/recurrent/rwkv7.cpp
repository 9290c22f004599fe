// RWKV-7 (Goose): a delta rule whose erasing and writing keys differ, on a state whose channels fade by a gate each.
//
//   S_t = (diag(e^{g_t}) - (kappa_t o a_t) kappa_t^T) S_{t-1} + k~_t v_t^T,  o_t = r_t^T S_t
//                                              Peng et al. 2025, RWKV-7 "Goose", section 4, equation 17 (its S transposed)
//
// r is the suite's q; kappa_t = k_t / sqrt(|k_t|^2 + 1e-6); k~_t = k_t o (1 + k_a (a_t - 1)), k_a a parameter. What kappa takes out
// it finds in the state before it fades. Extra inputs, both [b, h_kv, n_k, d_qk]: `log_decay` holds g <= 0, made as
// log sigmoid(Z) / 2.7, whose mean is that of the layer's -e^{-1/2} sigmoid(Z); `rate` holds a, the in-context learning rate in
// (0, 1), made as sigmoid(Z). There is no scale unless the problem gives one. The layer's bonus, token shift and group
// normalisation are not part of it.
//
// Runs as two steps of the delta rule per position, one that erases and one that writes, so that half of what it reads is read in
// vain.
//
// Cost: 4 n d d_v per head: what kappa finds, what is taken out, what is written, what r reads; d exponentials per position; extra
// memory d d_v per thread.
#include <cmath>

#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/linear/recurrent_oracle.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    real_param("k_a", 1, 0, 1, "how far the rates reach into what is written: 1 writes k o a, 0 writes k"),
};

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "log_decay",
           .shape = {p.batch, p.heads_kv, p.n_k, p.d_qk},
           .fill = Fill::log_sigmoid(0, 2.7),
           .help = "logarithm of each channel's gate at each key, at most 0"},
          {.name = "rate",
           .shape = {p.batch, p.heads_kv, p.n_k, p.d_qk},
           .fill = Fill::sigmoid(0),
           .help = "in-context learning rate of each channel at each key, in (0, 1)"}};
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::channel, .scale = static_cast<float>(p.scale.value_or(1.0)), .two_steps = true};
}

void factors(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  const auto rate = task.inputs.extra("rate");
  out.rates = {rate.row(b, kv, positions.begin), rate.row_stride()};
  out.mix = static_cast<float>(task.params.real("k_a"));
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors, task.inputs.extra("log_decay")); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) { return kernels::recurrence_cost(p, recurrence(p), extras(p, params)); }

// ---- Float64 reference: equation 17 --------------------------------------------------------------------------------------

void exact_step(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t j, ExactStep& step) {
  const float* g = task.inputs.extra("log_decay").row(b, kv, j);
  const float* a = task.inputs.extra("rate").row(b, kv, j);
  const float* k = task.inputs.keys().row(b, kv, j);
  exact_unit_row(k, task.problem.d_qk, -1, step.a.data());
  for (std::size_t c = 0; c < step.decay.size(); ++c) {
    const double rate = a[c];
    step.decay[c] = std::exp(static_cast<double>(g[c]));
    step.b[c] = -step.a[c] * rate;
    step.k[c] = static_cast<double>(k[c]) * (1 + task.params.real("k_a") * (rate - 1));
  }
}

void exact_query(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* q) {
  exact_scaled_row(task.inputs.queries().row(b, h, i), task.problem.d_qk, task.problem.scale.value_or(1.0), q);
}

void oracle(const OracleTask& task) { recurrence_oracle(task, {.erases = true, .step = exact_step, .query = exact_query}); }

}  // namespace

ATTNBENCH_VARIANT(rwkv7) = {
    .name = "rwkv7",
    .summary = "RWKV-7: a delta rule with different keys to erase and to write, on a state whose channels decay",
    .paper = "Peng et al. 2025, RWKV-7 Goose with Expressive Dynamic State Evolution, section 4",
    .equation = "S_t = (diag(e^g_t) - (kappa_t o a_t) kappa_t^T) S_{t-1} + k~_t v_t^T\no_t = r_t^T S_t",
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
