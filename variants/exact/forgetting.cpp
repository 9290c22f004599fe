// Forgetting attention (FoX): softmax attention whose scores lose what the forget gates between key and row have let go.
//
//   s_ij = q_i . k_j / sqrt(d) + sum_{l = j+1 .. i} log f_l,  O = softmax(s) V
//                                                              Lin et al. 2025, Forgetting Transformer, equations 5-8
//
// f are gates in (0, 1), one per query head and position, given as log_decay = log f. They are added unscaled. Row i stands at its
// position p_i among the keys; where that is beyond the last key of its batch entry, nothing more is forgotten there (a constant of
// the row, which the softmax does not see). A gate of exactly 0 counts as e^-10000. Dense masks are refused: what the gate of a
// position is that some rows do not see, the paper does not say.
//
// With G_j = sum_{l <= j} log f_l the sum is G_i - G_j. G grows with n while the differences that matter are small, so it is kept
// in double, and differences to the tile's first key as two floats: a float32 sum of size 1e4 would cost 1e-3.
//
// Cost: that of blockwise and a running sum; extra memory: n doubles per head. Measured 1.03 to 1.04 times as long as blockwise,
// b1 h8 n1024 d64 causal, one thread, AVX-512. Not done: the pruning of keys that nothing is left of (Lin et al. 2025b), which
// gives up exactness.
#include <algorithm>
#include <cmath>
#include <limits>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

constexpr double kClosed = -1e4;  // log of a gate of 0, whose weights are 0 in float32 already

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "log_decay",
           .shape = {p.batch, p.heads_q, p.n_k, 1},
           .fill = Fill::log_sigmoid(4, 1),  // f = 0.98 on average; around 0 all would be forgotten within three tokens
           .help = "log of each query head's forget gates"}};
}

// G of one head; NaN at the gates that are NaN, and as if they were not there behind them.
void accumulate(const TensorView<const float>& log_f, std::int64_t b, std::int64_t h, double* sums) {
  double sum = 0;
  for (std::int64_t j = 0; j < log_f.rows(); ++j) {
    const double gate = *log_f.row(b, h, j);
    if (!std::isnan(gate)) sum += std::max(gate, kClosed);
    sums[j] = std::isnan(gate) ? gate : sum;
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto log_f = task.inputs.extra("log_decay");
  double* sums = task.workspace.allocate<double>(p.batch * p.heads_q * p.n_k).data();
  task.parallel.for_each(p.batch * p.heads_q,
                         [&](std::int64_t t, int) { accumulate(log_f, t / p.heads_q, t % p.heads_q, sums + t * p.n_k); });
  kernels::attend_all(task, {.potential = sums});
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<double>(p.batch * p.heads_q * p.n_k) + kernels::all_keys_workspace(p, threads, false);
}

Cost cost(const Problem& p, const Params&) {
  auto cost = kernels::all_keys_cost(p);
  cost.bytes += (4 + 2 * 8) * static_cast<double>(p.batch * p.heads_q * p.n_k);  // gates read, their sums written and read
  return cost;
}

// The gates between key and row, one by one, from the row backwards.
void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    const auto log_f = task.inputs.extra("log_decay");
    const auto keys = p.key_count(row.b);
    auto at = std::min(row.i + (p.causal == Causal::top_left ? 0 : p.n_k - p.n_q), keys - 1);
    double left = 0;  // sum of log f over at + 1 .. p_i
    for (std::size_t t = weights.size(); t-- > 0;) {
      for (; at > row.keys[t]; --at) left += static_cast<double>(*log_f.row(row.b, row.h, at));
      weights[t] += left;
    }
    softmax_of(weights);
  });
}

}  // namespace

ATTNBENCH_VARIANT(forgetting) = {
    .name = "forgetting",
    .summary = "softmax attention whose scores lose the forget gates between key and row",
    .paper = "Lin et al. 2025, Forgetting Transformer: Softmax Attention with a Forget Gate, equations 5-8",
    .equation = "O = softmax(Q K^T / sqrt(d) + D + mask) V with D_ij = sum_{l = j+1 .. i} log f_l",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(n)",
    .supports = kEverything & ~(kBooleanMask | kAdditiveMask),
    .laws = kRowStochastic | kIndependentHeads | kWeightsReadable,
    .needs = kCausal,
    .rates = {30e9, 0.5e9},
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
