// A transformer layer: multi-head attention around any other variant, and what stands beside it in a model.
//
//   A(x) = concat_h(attention(x W_q, s W_k, s W_v)) W_o,  F(y) = f(y W_1 + b_1) W_2 + b_2
//   norm=post:  y = N(x + A(x)),  out = N(y + F(y))                   Vaswani et al. 2017, section 3.1
//   norm=pre:   y = x + A(N(x)),  out = y + F(N(y))                   Xiong et al. 2020, figure 1
//
// x are the tokens of Q, D = h_q d channels. Self-attention, where n_q = n_k: s is x (normalised where x is), K and V are not read;
// under a causal mask this is the layer of a decoder, without one that of an encoder. Cross-attention, where they differ or with
// form=cross: keys and values come from the tokens of K and V, which are not normalised. N is a layer norm with gain and bias; f is
// relu or gelu (in its tanh form) between D and ff D channels. Weights are drawn in prepare() with variance 1 / (their inputs).
// Dropout is a matter of training: the parameter is accepted, and a layer that infers, as this one, leaves everything in place.
//
// Cost: the inner variant's, 4 n D^2 for the projections and 2 ff n D^2 behind them (heads_kv = heads_q); extra memory: the
// projected arrays and attention's output, n D each, and the inner's. Behind attention everything is done 128 rows at a time, so
// that the ff D channels of a row stay in the cache. At n 512, h 8, d 64 (AVX-512, one thread) attention takes 4.5 of 34 ms, and
// all of it multiplies at 0.93 of blockwise's rate.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/composed/inner_attention.h"
#include "variants/kernels/dense/layer_ops.h"
#include "variants/kernels/dense/projection.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr std::int64_t kRows = 128;  // 64 take 1.3 times as long: W_1 and W_2 are packed once for so many

constexpr ParamSpec kParams[] = {
    kInnerParam,
    choice_param("form", "auto", "auto|cross", "cross: keys and values come from K and V; auto: only where n_k is not n_q"),
    choice_param("norm", "post", "post|pre", "where the layer norms stand: behind each sum, or in front of each part"),
    integer_param("ff", 4, 1, 64, "width of the feed-forward part, in widths of a token"),
    choice_param("activation", "relu", "relu|gelu", "of the feed-forward part"),
    real_param("dropout", 0, 0, 0.99, "as in training; nothing is dropped here"),
};

// ---- Shape and weights ---------------------------------------------------------------------------------------------------

bool attends_itself(const Problem& p, const Params& params) { return params.choice("form") == "auto" && p.n_q == p.n_k; }

// Channels of tokens, of the sequence that keys and values come from, and between the two products of F.
struct Widths {
  std::int64_t token, key_token, value_token, inside;
};

Widths widths(const Problem& p, const Params& params) {
  const auto w = head_widths(p);
  const bool self = attends_itself(p, params);
  return {w.query, self ? w.query : w.key, self ? w.query : w.value, params.integer("ff") * w.query};
}

struct Norm {
  std::vector<float> gain, bias;
};

struct Layer {
  InnerAttention attention;
  std::vector<float> output;                        // W_o [D, D]
  std::vector<float> up, up_bias, down, down_bias;  // W_1 [D, inside], b_1, W_2 [inside, D], b_2
  Norm first, second;
  bool self, pre, relu;
};

double weight_count(const Problem& p, const Params& params) {
  const auto w = widths(p, params);
  const auto heads = head_widths(p);
  return static_cast<double>(2 * w.token * w.token + w.key_token * heads.key + w.value_token * heads.value +
                             2 * w.token * w.inside + w.inside + 5 * w.token);
}

// A little away from 1 and 0, where a fresh layer begins, so that a gain or bias left out is seen.
Norm make_norm(std::int64_t width, std::uint64_t seed, std::uint64_t stream) {
  Norm norm{kernels::random_weights(width, 100, seed, stream), kernels::random_weights(width, 100, seed, stream + 1)};
  for (auto& gain : norm.gain) gain += 1;
  return norm;
}

// Streams of the seed: 0 W_q, 1 W_k, 2 W_v, 3 W_o, 4 W_1, 5 b_1, 6 W_2, 7 b_2, 8 and 9 the first norm, 10 and 11 the second.
Prepared make_layer(const PrepareTask& task) {
  const auto& p = task.problem;
  const auto w = widths(p, task.params);
  const auto heads = head_widths(p);
  const auto draw = [&](std::int64_t in, std::int64_t out, std::uint64_t stream) {
    return kernels::random_weights(in * out, in, task.seed, stream);
  };
  Layer layer{
      .attention =
          prepare_inner(task, draw(w.token, heads.query, 0), draw(w.key_token, heads.key, 1), draw(w.value_token, heads.value, 2)),
      .output = draw(heads.output, w.token, 3),
      .up = draw(w.token, w.inside, 4),
      .up_bias = kernels::random_weights(w.inside, w.token, task.seed, 5),
      .down = draw(w.inside, w.token, 6),
      .down_bias = kernels::random_weights(w.token, w.inside, task.seed, 7),
      .first = make_norm(w.token, task.seed, 8),
      .second = make_norm(w.token, task.seed, 10),
      .self = attends_itself(p, task.params),
      .pre = task.params.choice("norm") == "pre",
      .relu = task.params.choice("activation") == "relu",
  };
  const auto bytes = sizeof(float) * static_cast<std::size_t>(weight_count(p, task.params)) + layer.attention.prepared.bytes;
  return Prepared::of(std::move(layer), bytes);
}

void unsupported(const Problem& p, const Params& params, Reasons& reasons) { check_inner("transformer_layer", p, params, reasons); }

// ---- The computation -----------------------------------------------------------------------------------------------------

void normalise(const Norm& norm, const float* x, float* y, std::int64_t rows, std::int64_t width) {
  for (std::int64_t r = 0; r < rows; ++r)
    kernels::layer_norm(x + r * width, norm.gain.data(), norm.bias.data(), y + r * width, width);
}

// N(x) of all tokens, side by side in `to` [b, n, D].
void normalise_tokens(const RunTask& task, const Norm& norm, float* to) {
  const auto x = task.inputs.queries();
  const auto width = kernels::width_of(x), blocks = ceil_div(x.rows(), kRows);
  task.parallel.for_each(x.batch() * blocks, [&](std::int64_t t, int) {
    const auto b = t / blocks, begin = t % blocks * kRows, end = std::min(x.rows(), begin + kRows);
    float* rows = to + (b * x.rows() + begin) * width;
    kernels::gather_rows(x, b, {begin, end}, rows);
    normalise(norm, rows, rows, end - begin, width);
  });
}

// Everything behind attention for some rows. scratch: [kRows][2 D + inside].
void finish_rows(const RunTask& task, const Layer& layer, const float* attended, std::int64_t b, KeyRange rows, float* scratch) {
  const auto count = rows.size(), width = kernels::width_of(task.out()), inside = static_cast<std::int64_t>(layer.up_bias.size());
  float *y = scratch, *normalised = y + kRows * width, *wide = normalised + kRows * width;
  kernels::gather_rows(task.inputs.queries(), b, rows, y);
  kernels::multiply(attended, width, count, {layer.output.data(), width, width}, y, width, true);
  if (!layer.pre) normalise(layer.first, y, y, count, width);
  if (layer.pre) normalise(layer.second, y, normalised, count, width);
  kernels::multiply(layer.pre ? normalised : y, width, count, {layer.up.data(), width, inside}, wide, inside);
  for (std::int64_t r = 0; r < count; ++r)
    (layer.relu ? kernels::bias_relu : kernels::bias_gelu)(layer.up_bias.data(), wide + r * inside, inside);
  kernels::multiply(wide, inside, count, {layer.down.data(), inside, width}, y, width, true);
  for (std::int64_t r = 0; r < count; ++r) kernels::add_row(layer.down_bias.data(), y + r * width, width);
  if (!layer.pre) normalise(layer.second, y, y, count, width);
  kernels::scatter_rows(y, task.out(), b, rows);
}

// Per thread: of the projections in front of attention, and of what follows it.
std::int64_t scratch_floats(const Problem& p, const Params& params) {
  const auto w = widths(p, params);
  const auto heads = head_widths(p);
  const auto projections = kernels::projection_floats(1, std::max({w.token, w.key_token, w.value_token}),
                                                      std::max({heads.query, heads.key, heads.value}));
  return std::max(projections, kRows * (2 * w.token + w.inside));
}

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  const auto width = head_widths(p).query, floats = scratch_floats(p, task.params), blocks = ceil_div(p.n_q, kRows);
  float* scratch = task.workspace.allocate<float>(task.parallel.threads() * floats).data();
  auto x = task.inputs.queries();
  if (layer.pre) {
    const auto normalised =
        kernels::split_heads(task.workspace.allocate<float>(p.batch * p.n_q * width).data(), p.batch, p.heads_q, p.n_q, p.d_qk);
    normalise_tokens(task, layer.first, normalised.as<float>().data);
    x = normalised.as<const float>();
  }
  const Tokens tokens{x, layer.self ? x : task.inputs.keys(), layer.self ? x : task.inputs.values()};
  const auto attended = attend_to_tokens(task, layer.attention, tokens, scratch).as<const float>();
  task.parallel.for_each(p.batch * blocks, [&](std::int64_t t, int slot) {
    const auto b = t / blocks, begin = t % blocks * kRows;
    finish_rows(task, layer, attended.row(b, 0, begin), b, {begin, std::min(p.n_q, begin + kRows)}, scratch + slot * floats);
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  const auto tokens = params.choice("norm") == "pre" ? workspace_bytes<float>(p.batch * p.n_q * head_widths(p).query) : 0;
  return workspace_bytes<float>(threads * scratch_floats(p, params)) + tokens + attend_to_tokens_bytes(p, params, threads);
}

// bytes: the inner's, the arrays read and written around it, the weights.
Cost cost(const Problem& p, const Params& params) {
  const Variant& inner = *inner_of(params);
  const auto w = widths(p, params);
  const auto heads = head_widths(p);
  const double rows = static_cast<double>(p.batch * p.n_q), keys = static_cast<double>(p.batch * p.n_k);
  Problem plain = p;
  plain.mask = {};
  Cost cost = inner.cost(p, Params(inner.params));
  cost.multiply_adds += rows * static_cast<double>(2 * w.token * (w.token + w.inside)) +
                        keys * static_cast<double>(w.key_token * heads.key + w.value_token * heads.value);
  if (params.choice("activation") == "gelu") cost.exps += rows * static_cast<double>(w.inside);
  cost.bytes += 2 * compulsory_bytes(plain) + 4 * weight_count(p, params);
  return cost;
}

// ---- Float64 reference ---------------------------------------------------------------------------------------------------

using Token = std::vector<double>;

Token exact_norm(const Norm& norm, Token x) {
  double mean = 0, squares = 0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  for (const double value : x) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(x.size()) + 1e-5);
  for (std::size_t c = 0; c < x.size(); ++c)
    x[c] = static_cast<double>(norm.gain[c]) * (x[c] - mean) / deviation + static_cast<double>(norm.bias[c]);
  return x;
}

double exact_activation(bool relu, double u) {
  if (relu) return std::max(0.0, u);
  return u / 2 * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (u + 0.044715 * u * u * u)));
}

Token sum_of(Token x, const Token& y) {
  for (std::size_t c = 0; c < x.size(); ++c) x[c] += y[c];
  return x;
}

Token exact_feed_forward(const Layer& layer, const Token& y) {
  auto wide = exact_product(y, layer.up);
  for (std::size_t c = 0; c < wide.size(); ++c)
    wide[c] = exact_activation(layer.relu, wide[c] + static_cast<double>(layer.up_bias[c]));
  return sum_of(exact_product(wide, layer.down), Token(layer.down_bias.begin(), layer.down_bias.end()));
}

void oracle(const OracleTask& task) {
  const auto& layer = task.prepared.as<Layer>();
  const auto queries = task.inputs.queries(), keys = task.inputs.keys(), values = task.inputs.values();
  const ExactTokens x = [&](std::int64_t b, std::int64_t i) {
    return layer.pre ? exact_norm(layer.first, exact_token(queries, b, i)) : exact_token(queries, b, i);
  };
  const ExactTokens of_keys = [&](std::int64_t b, std::int64_t j) { return exact_token(keys, b, j); };
  const ExactTokens of_values = [&](std::int64_t b, std::int64_t j) { return exact_token(values, b, j); };
  const auto attended = exact_attention(task, layer.attention, x, layer.self ? x : of_keys, layer.self ? x : of_values);
  const auto rows = static_cast<std::int64_t>(task.rows.size());
  task.parallel.for_each(task.problem.batch * rows, [&](std::int64_t t, int) {
    const auto b = t / rows, r = t % rows;
    const auto a = exact_product(attended[static_cast<std::size_t>(t)], layer.output);
    auto y = sum_of(exact_token(queries, b, task.rows[static_cast<std::size_t>(r)]), a);
    if (!layer.pre) y = exact_norm(layer.first, y);
    auto out = sum_of(y, exact_feed_forward(layer, layer.pre ? exact_norm(layer.second, y) : y));
    write_token(task, b, r, layer.pre ? out : exact_norm(layer.second, out));
  });
}

}  // namespace

ATTNBENCH_VARIANT(transformer_layer) = {
    .name = "transformer_layer",
    .summary = "a whole layer around any other variant: projections, residuals, layer norms, feed-forward",
    .paper = "Vaswani et al. 2017, Attention Is All You Need, section 3; norm=pre: Xiong et al. 2020",
    .equation =
        "norm=post: y = N(x + A(x)), out = N(y + F(y)); norm=pre: y = x + A(N(x)), out = y + F(N(y))\n"
        "A(x) = concat_h(inner(x W_q, s W_k, s W_v)) W_o, F(y) = f(y W_1 + b_1) W_2 + b_2",
    .computes = Computes::own_definition,
    .time_label = "O(n D^2) + inner",
    .memory_label = "O(n D) + inner",
    .supports = kEverything & ~kUnequalDims,
    .laws = kScoreShift,
    .rates = {20e9, 0.4e9},
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
