// A variant with an extra input, `gate` [batch, heads_kv, n_k, 1]: each key's weight is multiplied by its gate. It needs a causal
// problem. As a plugin, and built into the harness tests.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    real_param("mean", 0, -10, 10, "mean of the gates before the sigmoid: another one is another input of the same name"),
};

std::vector<InputSpec> extras(const Problem& p, const Params& params) {
  return {{.name = "gate",
           .shape = {p.batch, p.heads_kv, p.n_k, 1},
           .fill = Fill::sigmoid(params.real("mean")),
           .help = "what each key's weight is multiplied by, in (0, 1)"}};
}

// out = sum_j gate_j w_j v_j of row i, in T: float for run(), double for the oracle.
template <class T>
void gated_row(const Problem& p, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, T* out) {
  const auto gate = inputs.extra("gate");
  const auto keys = visible_keys(p, b, i);
  const auto kv = p.kv_head(h);
  const auto score = [&](std::int64_t j) {
    T sum = 0;
    for (std::int64_t c = 0; c < p.d_qk; ++c)
      sum += static_cast<T>(inputs.queries().row(b, h, i)[c]) * static_cast<T>(inputs.keys().row(b, kv, j)[c]);
    return sum * static_cast<T>(p.effective_scale());
  };
  T top = -std::numeric_limits<T>::infinity(), total = 0;
  for (auto j = keys.begin; j < keys.end; ++j) top = std::max(top, score(j));
  std::fill_n(out, p.d_v, T(0));
  for (auto j = keys.begin; j < keys.end; ++j) {
    const T weight = std::exp(score(j) - top);
    total += weight;
    for (std::int64_t c = 0; c < p.d_v; ++c)
      out[c] += weight * static_cast<T>(gate.row(b, kv, j)[0]) * static_cast<T>(inputs.values().row(b, kv, j)[c]);
  }
  for (std::int64_t c = 0; c < p.d_v && total > 0; ++c) out[c] /= total;
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch * p.heads_q * p.n_q, [&](std::int64_t t, int) {
    const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
    gated_row(p, task.inputs, b, h, i, task.out().row(b, h, i));
  });
}

void oracle(const OracleTask& task) {
  for (std::int64_t b = 0; b < task.problem.batch; ++b)
    for (std::int64_t h = 0; h < task.problem.heads_q; ++h)
      for (std::size_t r = 0; r < task.rows.size(); ++r)
        gated_row(task.problem, task.inputs, b, h, task.rows[r], task.out_row(b, h, static_cast<std::int64_t>(r)));
}

Cost cost(const Problem& p, const Params& params) {
  const double pairs = visible_pairs(p);
  double gates = 0;
  for (const auto& spec : extras(p, params)) gates += static_cast<double>(spec.bytes());
  return {.multiply_adds = pairs * static_cast<double>(2 * p.d_qk + p.d_v),
          .exps = pairs,
          .bytes = compulsory_bytes(p) + gates,
          .pairs = pairs};
}

}  // namespace

ATTNBENCH_VARIANT(gated) = {
    .name = "gated",
    .family = "test",
    .summary = "softmax attention whose weights are gated per key",
    .paper = "none",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(1)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kWindow | kKeyLengths | kScale,
    .laws = kIndependentHeads,
    .needs = kCausal,
    .params = kParams,
    .extras = extras,
    .cost = cost,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
