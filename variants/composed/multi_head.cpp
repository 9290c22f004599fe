// Multi-head attention: learned projections around any other variant of the suite.
//
//   O = concat_h(attention(X_q W_q, X_k W_k, X_v W_v)) W_o            Vaswani et al. 2017, section 3.2.2
//
// The inputs q, k, v are read as head-split views of X_q [b, n_q, h_q d_qk], X_k [b, n_k, h_kv d_qk] and X_v [b, n_k, h_kv d_v];
// the output is the head-split view of concat W_o. W_q, W_k, W_v and W_o are square in their widths h_q d_qk, h_kv d_qk,
// h_kv d_v and h_q d_v, and drawn from the seed in prepare(). Parameter `inner` names the attention; masks, GQA, scale and softcap
// are its business, and what it does not support is refused here. The float64 reference projects in float64, rounds the
// projections to float32 for the inner variant's own reference, and projects its output in float64.
// Cost: n D^2 per projection of width D, plus the inner variant's; extra memory: the four projected arrays, plus the inner's.
#include <algorithm>
#include <vector>

#include "variants/api/variant.h"
#include "variants/composed/inner_attention.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {kInnerParam};

struct Layer {
  InnerAttention attention;
  std::vector<float> output;  // [h_q d_v, h_q d_v]
};

double weight_count(const Problem& p) {
  const auto w = head_widths(p);
  return static_cast<double>(w.query * w.query + w.key * w.key + w.value * w.value + w.output * w.output);
}

// Streams of the seed: 0 W_q, 1 W_k, 2 W_v, 3 W_o.
Prepared make_layer(const PrepareTask& task) {
  const auto w = head_widths(task.problem);
  const auto square = [&](std::int64_t width, std::uint64_t stream) {
    return kernels::random_weights(width * width, width, task.seed, stream);
  };
  Layer layer{prepare_inner(task, square(w.query, 0), square(w.key, 1), square(w.value, 2)), square(w.output, 3)};
  const auto bytes = sizeof(float) * static_cast<std::size_t>(weight_count(task.problem)) + layer.attention.prepared.bytes;
  return Prepared::of(std::move(layer), bytes);
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) { check_inner("multi_head", p, params, reasons); }

std::int64_t panels_size(const Problem& p, int threads) {
  const auto w = head_widths(p);
  const auto widest = std::max({w.query, w.key, w.value, w.output});
  return kernels::projection_floats(threads, widest, widest);
}

void run(const RunTask& task) {
  const auto& layer = task.prepared.as<Layer>();
  float* panels = task.workspace.allocate<float>(panels_size(task.problem, task.parallel.threads())).data();
  const Tokens tokens{task.inputs.queries(), task.inputs.keys(), task.inputs.values()};
  const auto attended = attend_to_tokens(task, layer.attention, tokens, panels);
  kernels::project(task.parallel, attended.as<const float>(), layer.output.data(), task.out(), panels);
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  return workspace_bytes<float>(panels_size(p, threads)) + attend_to_tokens_bytes(p, params, threads);
}

// The inner variant's work, plus n D^2 per projection. bytes: the inner's, the arrays read and written around it, the weights.
Cost cost(const Problem& p, const Params& params) {
  const Variant& inner = *inner_of(params);
  const auto w = head_widths(p);
  Problem plain = p;
  plain.mask = {};
  Cost cost = inner.cost(p, Params(inner.params));
  cost.multiply_adds += static_cast<double>(p.batch) * (static_cast<double>(p.n_q) * (w.query * w.query + w.output * w.output) +
                                                        static_cast<double>(p.n_k) * (w.key * w.key + w.value * w.value));
  cost.bytes += 2 * compulsory_bytes(plain) + 4 * weight_count(p);
  return cost;
}

// ---- Float64 reference: project, the inner variant's reference, project --------------------------------------------------

void oracle(const OracleTask& task) {
  const auto& layer = task.prepared.as<Layer>();
  const auto tokens_of = [](const TensorView<const float>& x) {
    return [x](std::int64_t b, std::int64_t i) { return exact_token(x, b, i); };
  };
  const auto attended = exact_attention(task, layer.attention, tokens_of(task.inputs.queries()), tokens_of(task.inputs.keys()),
                                        tokens_of(task.inputs.values()));
  const auto rows = static_cast<std::int64_t>(task.rows.size());
  for (std::int64_t t = 0; t < task.problem.batch * rows; ++t)
    write_token(task, t / rows, t % rows, exact_product(attended[static_cast<std::size_t>(t)], layer.output));
}

}  // namespace

ATTNBENCH_VARIANT(multi_head) = {
    .name = "multi_head",
    .summary = "query, key, value and output projections around any other variant",
    .paper = "Vaswani et al. 2017, Attention Is All You Need, section 3.2.2",
    .equation = "O = concat_h(inner(X_q W_q, X_k W_k, X_v W_v)) W_o",
    .computes = Computes::own_definition,
    .time_label = "O(n D^2) + inner",
    .memory_label = "O(n D) + inner",
    .supports = kEverything,
    .laws = kKeyPermutation | kScoreShift,
    .rates = {25e9, 0.5e9},
    .params = kParams,
    .extras = inner_extras,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
