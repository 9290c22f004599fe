// Identity: every position keeps its own value. What no attention can be faster than.
//
//   O = V
//
// The floor of every plot: it reads V and writes O once, nothing else, so that the distance to it is what looking at other
// positions costs. Position i has to be a row and a key, hence n_q = n_k; under grouped heads a query head copies its group's
// values. Cost: a copied element counts as one multiply-add, its product with the weight 1; no extra memory.
#include <algorithm>

#include "variants/api/oracle.h"
#include "variants/api/variant.h"

namespace attnbench {
namespace {

constexpr std::int64_t kElements = 1 << 15;  // per task: 128 KiB, some microseconds

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto v = task.inputs.values();
  const auto out = task.out();
  const bool dense = v.row_stride() == p.d_v && out.row_stride() == p.d_v;
  task.parallel.for_ranges(p.batch * p.heads_q * p.n_q, std::max<std::int64_t>(1, kElements / p.d_v),
                           [&](std::int64_t begin, std::int64_t end, int) {
                             for (auto t = begin; t < end;) {
                               const auto b = t / (p.heads_q * p.n_q), h = t / p.n_q % p.heads_q, i = t % p.n_q;
                               const auto rows = dense ? std::min(end - t, p.n_q - i) : 1;
                               std::copy_n(v.row(b, p.kv_head(h), i), rows * p.d_v, out.row(b, h, i));
                               t += rows;
                             }
                           });
}

Cost cost(const Problem& p, const Params&) {
  return {.multiply_adds = static_cast<double>(p.batch * p.heads_q * p.n_q * p.d_v), .bytes = compulsory_bytes(p)};
}

// Row i of the matrix with a one at i, times V.
void oracle(const OracleTask& task) {
  weighted_oracle(task, [](const OracleRow& row, std::span<double> weights) {
    for (std::size_t t = 0; t < weights.size(); ++t) weights[t] = row.keys[t] == row.i ? 1 : 0;
  });
}

}  // namespace

ATTNBENCH_VARIANT(identity) = {
    .name = "identity",
    .summary = "copies V: the floor that no attention can be faster than",
    .paper = "no paper: a token mixer that mixes nothing, as a baseline",
    .equation = "O = V",
    .computes = Computes::own_definition,
    .time_label = "O(n d)",
    .memory_label = "O(1)",
    .supports = kGqa | kUnequalDims | kCausal | kWindow,
    .laws = kRowStochastic | kIndependentHeads | kWeightsReadable,
    .rates = {1e9, 0.1e9},
    .cost = cost,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
