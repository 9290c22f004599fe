// mLSTM: the matrix memory of xLSTM, written by an exponential input gate, faded by a forget gate and read with a normaliser.
//
//   C_t = f_t C_{t-1} + i_t k_t v_t^T,  n_t = f_t n_{t-1} + i_t k_t,  h_t = C_t^T q_t / max(|n_t^T q_t|, 1)
//                                              Beck et al. 2024, xLSTM, section 2.3; C transposed, 1 / sqrt(d_qk) on q instead of k
//
// i_t = e^{input_gate} has no bound, so C and n are kept over e^{m_t}, m_t = max(log f_t + m_{t-1}, input_gate_t); under that
// stabiliser (appendix A.3) the 1 of the normaliser is e^{-m_t}. Extra inputs, both [b, h_kv, n_k, 1]: `input_gate`, any number,
// made as Z; `log_decay`, log f <= 0, made as log sigmoid(3 + Z). Rows behind the last key read the state that it left.
//
// Cost: 2 n d d_v per head, 3 exponentials per position; extra memory d d_v per thread.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/kernels/linear/recurrent_engine.h"
#include "variants/kernels/simd/vector_ops.h"

namespace attnbench {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();  // the logarithm of an empty state's size

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "input_gate",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::normal(0, 1),
           .help = "logarithm of what each key is written with"},
          {.name = "log_decay",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::log_sigmoid(3, 1),
           .help = "logarithm of the forget gate at each key, at most 0"}};
}

kernels::Recurrence recurrence(const Problem& p) {
  return {.decay = kernels::Decay::scalar, .scale = static_cast<float>(p.effective_scale()), .normalise = true};
}

// a - b of logarithms, where nothing over nothing is nothing.
double over(double a, double b) { return a == kNothing ? kNothing : a - b; }

// out.carried is m.
void factors(const RunTask& task, std::int64_t b, std::int64_t kv, KeyRange positions, kernels::PositionFactors& out) {
  const auto input = task.inputs.extra("input_gate"), forget = task.inputs.extra("log_decay");
  float fade[kernels::kMaxPositions] = {};
  if (positions.begin == 0) out.carried = kNothing;
  for (std::int64_t t = 0; t < positions.size(); ++t) {
    const double kept = static_cast<double>(*forget.row(b, kv, positions.begin + t)) + out.carried;
    const double written = *input.row(b, kv, positions.begin + t);
    out.carried = std::max(kept, written);
    fade[t] = static_cast<float>(over(kept, out.carried));
    out.weight[t] = static_cast<float>(over(written, out.carried));
    out.floor[t] = static_cast<float>(-out.carried);
  }
  kernels::exp(fade, fade, positions.size());
  kernels::exp(out.weight, out.weight, positions.size());
  kernels::exp(out.floor, out.floor, positions.size());
  std::copy_n(fade, positions.size(), out.decay);
}

void run(const RunTask& task) { kernels::run_recurrence(task, recurrence(task.problem), factors); }

std::size_t workspace(const Problem& p, const Params&, int threads) { return kernels::recurrence_workspace(p, threads); }

Cost cost(const Problem& p, const Params& params) {
  auto cost = kernels::recurrence_cost(p, recurrence(p), extras(p, params));
  cost.exps *= 3;
  return cost;
}

// ---- Float64 reference: the parallel form of appendix A.3, h_i = sum_j w_ij v_j / max(|sum_j w_ij|, 1) with
// w_ij = s (q_i . k_j) exp(F_i - F_j + input_gate_j), F the running sum of log f ----------------------------------------------

// Logarithms of the gates of keys [0, last] as row i = last sees them.
std::vector<double> exact_gates(const OracleTask& task, std::int64_t b, std::int64_t kv, std::int64_t last) {
  std::vector<double> gates(static_cast<std::size_t>(last + 1));
  double faded = 0;
  for (auto j = last; j >= 0; --j) {
    gates[static_cast<std::size_t>(j)] = faded + static_cast<double>(*task.inputs.extra("input_gate").row(b, kv, j));
    faded += static_cast<double>(*task.inputs.extra("log_decay").row(b, kv, j));
  }
  return gates;
}

void exact_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i, double* out) {
  const auto& p = task.problem;
  const auto kv = p.kv_head(h), keys = p.key_count(b);
  const auto seen = std::min(p.position(i) + 1, keys);
  std::fill_n(out, p.d_v, 0.0);
  if (seen <= 0) return;
  const auto gates = exact_gates(task, b, kv, seen - 1);
  const double top = *std::max_element(gates.begin(), gates.end());
  if (top == kNothing) return;
  double total = 0;
  for (std::size_t j = 0; j < gates.size(); ++j) {
    const float *q = task.inputs.queries().row(b, h, i), *k = task.inputs.keys().row(b, kv, static_cast<std::int64_t>(j));
    double weight = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c) weight += static_cast<double>(q[c]) * static_cast<double>(k[c]);
    weight *= p.effective_scale() * std::exp(gates[j] - top);
    total += weight;
    const float* v = task.inputs.values().row(b, kv, static_cast<std::int64_t>(j));
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += weight * static_cast<double>(v[c]);
  }
  for (std::int64_t c = 0; c < p.d_v; ++c) out[c] /= std::max(std::abs(total), std::exp(-top));
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int) {
    for (std::size_t r = 0; r < task.rows.size(); ++r)
      exact_row(task, t / p.heads_q, t % p.heads_q, task.rows[r],
                task.out_row(t / p.heads_q, t % p.heads_q, static_cast<std::int64_t>(r)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(mlstm) = {
    .name = "mlstm",
    .summary = "the matrix memory of xLSTM: exponential input gate, forget gate, normaliser, stabilised",
    .paper = "Beck et al. 2024, xLSTM: Extended Long Short-Term Memory, section 2.3",
    .equation = "C_t = f_t C_{t-1} + i_t k_t v_t^T, n_t = f_t n_{t-1} + i_t k_t\nh_t = C_t^T q_t / max(|n_t^T q_t|, 1)",
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
