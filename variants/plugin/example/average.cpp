// Average attention: every visible key gets the same weight, whatever the query.
//
//   o_i = 1/|K_i| sum_{j in K_i} v_j,  K_i = the keys row i may see       Zhang, Xiong and Su 2018, section 3
//
// The cumulative average of the Average Attention Network, without its feed-forward and gating layers. Keys become visible in
// order, so one running sum per head serves all rows: n_q + n_k vector additions instead of n_q n_k. Queries and keys are never
// read. The sum is kept in double: in float it would lose half its digits by n = 16k.
#include <algorithm>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"

namespace attnbench {
namespace {

void attend_head(const RunTask& task, std::int64_t b, std::int64_t h, double* sum) {
  const auto& p = task.problem;
  std::fill_n(sum, p.d_v, 0.0);
  std::int64_t seen = 0;
  for (std::int64_t i = 0; i < p.n_q; ++i) {
    const auto keys = visible_keys(p, b, i);
    for (; seen < keys.end; ++seen) {
      const float* v = task.inputs.values().row(b, p.kv_head(h), seen);
      for (std::int64_t c = 0; c < p.d_v; ++c) sum[c] += v[c];
    }
    float* out = task.out().row(b, h, i);
    const double count = static_cast<double>(std::max<std::int64_t>(keys.size(), 1));
    for (std::int64_t c = 0; c < p.d_v; ++c) out[c] = static_cast<float>(sum[c] / count);
  }
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto sums = task.workspace.allocate<double>(task.parallel.threads() * p.d_v);
  task.parallel.for_each(p.batch * p.heads_q, [&](std::int64_t t, int slot) {
    attend_head(task, t / p.heads_q, t % p.heads_q, sums.data() + slot * p.d_v);
  });
}

// The same by its definition, one (row, key) pair at a time. Shares no code with run().
void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      for (std::size_t r = 0; r < task.rows.size(); ++r) {
        double* out = task.out_row(b, h, static_cast<std::int64_t>(r));
        std::fill_n(out, p.d_v, 0.0);
        std::int64_t count = 0;
        for (std::int64_t j = 0; j < p.n_k; ++j) {
          if (!problem_attends(p, task.inputs, b, h, task.rows[r], j)) continue;
          ++count;
          for (std::int64_t c = 0; c < p.d_v; ++c) out[c] += task.inputs.values().row(b, p.kv_head(h), j)[c];
        }
        for (std::int64_t c = 0; c < p.d_v && count > 0; ++c) out[c] /= static_cast<double>(count);
      }
}

std::size_t workspace(const Problem& p, const Params&, int threads) { return workspace_bytes<double>(threads * p.d_v); }

Cost cost(const Problem& p, const Params&) {
  return {
      .multiply_adds = static_cast<double>(p.batch * p.heads_q * (p.n_q + p.n_k) * p.d_v), .exps = 0, .bytes = compulsory_bytes(p)};
}

}  // namespace

ATTNBENCH_VARIANT(average) = {
    .name = "average",
    .summary = "every visible key weighs the same: a running mean of the values",
    .paper = "Zhang, Xiong and Su 2018, Accelerating Neural Transformer via an Average Attention Network, section 3",
    .computes = Computes::approximates_softmax,
    .time_label = "O(n d)",
    .memory_label = "O(d)",
    .supports = kGqa | kCross | kUnequalDims | kCausal | kKeyLengths,
    .laws = kRowStochastic | kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
