// Attention with a sink: one learned logit per query head joins the softmax and its share of the weights is thrown away, so that a
// row may attend to nothing in particular.
//
//   w_ij = exp(s_ij) / (exp(a_h) + sum_l exp(s_il)),  o_i = sum_j w_ij v_j
//                                     OpenAI 2025, gpt-oss model card, section 2; a = 0: Miller 2023, Attention Is Off By One
//
// s_ij is the finished score; a_h is neither scaled nor capped nor masked. The same as a key of score a_h whose value is 0, and as
// plain attention times sigmoid(logsumexp_j s_ij - a_h). gpt-oss alternates full layers with a window of 128: `window=127:0` of the
// problem. (The sinks of StreamingLLM, Xiao et al. 2024, are something else: leading keys that stay visible beside a sliding
// window. Under a causal mask that is sliding_window(window=w-1,globals=g).)
//
// Cost: that of blockwise; the sink joins when a row is divided by its sum, or when its splits are merged.
#include "variants/api/oracle.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/exact_attention.h"

namespace attnbench {
namespace {

std::vector<InputSpec> extras(const Problem& p, const Params&) {
  return {{.name = "sinks", .shape = {1, p.heads_q, 1, 1}, .fill = Fill::normal(0, 1), .help = "logit of each query head's sink"}};
}

void run(const RunTask& task) {
  const auto heads = task.problem.heads_q;
  const auto sinks = task.workspace.allocate<float>(heads);
  for (std::int64_t h = 0; h < heads; ++h) sinks[static_cast<std::size_t>(h)] = *task.inputs.extra("sinks").row(0, h, 0);
  kernels::attend_all(task, {.sinks = sinks.data()});
}

std::size_t workspace(const Problem& p, const Params&, int threads) {
  return workspace_bytes<float>(p.heads_q) + kernels::all_keys_workspace(p, threads);
}

Cost cost(const Problem& p, const Params&) {
  auto cost = kernels::all_keys_cost(p);
  cost.exps += static_cast<double>(p.batch * p.heads_q * p.n_q);
  cost.bytes += 4.0 * static_cast<double>(p.heads_q);
  return cost;
}

// One more column of scores, whose value is 0.
void oracle(const OracleTask& task) {
  weighted_oracle(task, [&](const OracleRow& row, std::span<double> weights) {
    softmax_of(weights, static_cast<double>(*task.inputs.extra("sinks").row(0, row.h, 0)));
  });
}

}  // namespace

ATTNBENCH_VARIANT(attention_sink) = {
    .name = "attention_sink",
    .summary = "a learned logit per head joins the softmax and is thrown away: rows sum to less than 1",
    .paper = "OpenAI 2025, gpt-oss-120b & gpt-oss-20b Model Card, section 2; Miller 2023, Attention Is Off By One",
    .equation = "w_ij = exp(s_ij) / (exp(a_h) + sum_l exp(s_il)), s = Q K^T / sqrt(d) + mask, O = w V",
    .computes = Computes::own_definition,
    .time_label = "O(n^2 d)",
    .memory_label = "O(1)",
    .supports = kEverything,
    .laws = kKeyPermutation | kIndependentHeads | kWeightsReadable,
    .rates = {30e9, 0.5e9},
    .extras = extras,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
