// A convolution over the sequence: each token becomes a weighted sum of its neighbours.
//
//   y_t = sum_u x_{t + s - u dilation} W_u,  u = 0 .. kernel - 1        Vaswani et al. 2017, table 1 and section 4
//
// s is 0 under a causal mask and (kernel - 1) / 2 dilation steps without: then row t stands in the middle of its taps. kind:
// `dense` has a matrix per tap; `depthwise` a number per tap and channel; `separable` is depthwise and then one matrix for all.
// gate=glu computes twice the channels and lets one half gate the other, y = a sig(b) (Dauphin et al. 2017; ConvS2S, Gehring et al.
// 2017, section 3.2). Tokens x_t [D] are the heads of V side by side, D = heads d_v; Q and K are not read. Weights are drawn in
// prepare() with variance 1 / (inputs of an output). Tokens beyond either end or a key length are 0. One layer: what dilations 1,
// 2, 4, ... reach in log n layers is a matter of stacking them. Cost: k n D^2, k n D, or k n D + n D^2 multiply-adds. Dense: one
// BLAS product per tap on shifted rows, no copy of the windows.
// Time against blockwise, causal, n 1024, D 512 (AVX-512, one thread): dense 1.65, separable 0.57, depthwise 0.03, with 31 taps
// 0.10.
#include <cblas.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/kernels/dense/convolution.h"
#include "variants/kernels/dense/projection.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

constexpr std::int64_t kRows = 128;  // of a task: W_u is packed once for so many

constexpr ParamSpec kParams[] = {
    choice_param("kind", "dense", "dense|separable|depthwise",
                 "a matrix per tap, depthwise and one matrix, or a filter per channel"),
    integer_param("kernel", 3, 1, 1024, "taps"),
    integer_param("dilation", 1, 1, 1 << 20, "positions between two taps"),
    choice_param("gate", "none", "none|glu", "glu: half of the outputs gate the other half"),
};

// ---- Shape and weights ---------------------------------------------------------------------------------------------------

struct Layer {
  bool dense, separable, gated;
  kernels::Taps taps;
  std::int64_t width, made;         // D; channels before the gate
  std::vector<float> taps_weights;  // dense: [k, D, made]; depthwise: [k, made]; separable: [k, D]
  std::vector<float> pointwise;     // separable: [D, made]

  std::int64_t filtered() const { return separable ? width : made; }  // channels of the depthwise part
};

std::int64_t width_of(const Problem& p) { return p.heads_q * p.d_v; }

Layer shape_of(const Problem& p, const Params& params) {
  const auto& kind = params.choice("kind");
  const auto count = params.integer("kernel"), dilation = params.integer("dilation");
  Layer layer{kind == "dense", kind == "separable", params.choice("gate") == "glu", {count, 0, dilation}, width_of(p), 0, {}, {}};
  if (p.causal == Causal::none) layer.taps.first = (count - 1) / 2 * dilation;
  layer.made = (layer.gated ? 2 : 1) * layer.width;
  return layer;
}

double weight_count(const Layer& layer) {
  const double k = static_cast<double>(layer.taps.count), d = static_cast<double>(layer.width),
               made = static_cast<double>(layer.made);
  return layer.dense ? k * d * made : layer.separable ? k * d + d * made : k * made;
}

// Streams of the seed: 0 the taps, 1 the matrix behind them.
Prepared make_layer(const PrepareTask& task) {
  auto layer = shape_of(task.problem, task.params);
  const auto k = layer.taps.count, d = layer.width;
  layer.taps_weights = layer.dense ? kernels::random_weights(k * d * layer.made, k * d, task.seed, 0)
                                   : kernels::random_weights(k * layer.filtered(), k, task.seed, 0);
  if (layer.separable) layer.pointwise = kernels::random_weights(d * layer.made, d, task.seed, 1);
  const auto bytes = sizeof(float) * static_cast<std::size_t>(weight_count(layer));
  return Prepared::of(std::move(layer), bytes);
}

// Rows whose tap at this offset meets one of `tokens` tokens.
KeyRange rows_that_reach(KeyRange rows, std::int64_t offset, std::int64_t tokens) {
  return {std::max(rows.begin, -offset), std::min(rows.end, tokens - offset)};
}

// ---- The computation -----------------------------------------------------------------------------------------------------

// Some rows of a batch entry, and the scratch of a thread: [kRows, D] in, [kRows, made] out.
struct Block {
  const RunTask& task;
  const Layer& layer;
  std::int64_t b;
  KeyRange rows;
  float *in, *out;
};

// out [rows, made] += x W
void multiply(const Block& block, const float* x, KeyRange rows, const float* w, float add) {
  const auto d = static_cast<int>(block.layer.width), made = static_cast<int>(block.layer.made);
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, static_cast<int>(rows.size()), made, d, 1.0f, x, d, w, made, add,
              block.out + (rows.begin - block.rows.begin) * made, made);
}

void convolve_dense(const Block& block) {
  const auto& layer = block.layer;
  const auto tokens = block.task.problem.key_count(block.b);
  std::fill_n(block.out, block.rows.size() * layer.made, 0.0f);
  for (std::int64_t u = 0; u < layer.taps.count; ++u) {
    const auto offset = layer.taps.offset(u);
    const auto rows = rows_that_reach(block.rows, offset, tokens);
    if (rows.size() == 0) continue;
    kernels::gather_rows(block.task.inputs.values(), block.b, {rows.begin + offset, rows.end + offset}, block.in);
    multiply(block, block.in, rows, layer.taps_weights.data() + u * layer.width * layer.made, 1.0f);
  }
}

// The depthwise part of every head, and of the gate's half of the channels.
void filter_channels(const Block& block, float* to) {
  const auto& p = block.task.problem;
  const auto& layer = block.layer;
  const auto v = block.task.inputs.values();
  const auto channels = layer.filtered();
  for (std::int64_t first = 0; first < channels; first += p.d_v)
    kernels::depthwise_convolution({v.row(block.b, first / p.d_v % p.heads_q, 0), v.row_stride(), p.key_count(block.b),
                                    layer.taps_weights.data() + first, channels, to + first, channels, p.d_v, block.rows,
                                    layer.taps});
}

void convolve(const Block& block) {
  const auto& layer = block.layer;
  if (layer.dense) convolve_dense(block);
  else filter_channels(block, layer.separable ? block.in : block.out);
  if (layer.separable) multiply(block, block.in, block.rows, layer.pointwise.data(), 0.0f);
  if (layer.gated)
    for (std::int64_t r = 0; r < block.rows.size(); ++r) {  // closes up the rows on the way
      const float* made = block.out + r * layer.made;
      kernels::gated_linear_unit(made, made + layer.width, block.out + r * layer.width, layer.width);
    }
  kernels::scatter_rows(block.out, block.task.out(), block.b, block.rows);
}

std::int64_t scratch_floats(const Layer& layer) { return kRows * (layer.width + layer.made); }

void run(const RunTask& task) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  const auto blocks = ceil_div(p.n_q, kRows);
  const auto scratch = task.workspace.allocate<float>(task.parallel.threads() * scratch_floats(layer));
  task.parallel.for_each(p.batch * blocks, [&](std::int64_t t, int slot) {
    const auto begin = t % blocks * kRows;
    float* in = scratch.data() + slot * scratch_floats(layer);
    convolve({task, layer, t / blocks, {begin, std::min(p.n_q, begin + kRows)}, in, in + kRows * layer.width});
  });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  return workspace_bytes<float>(threads * scratch_floats(shape_of(p, params)));
}

// Taps that meet a token, and what each takes.
Cost cost(const Problem& p, const Params& params) {
  const auto layer = shape_of(p, params);
  const double d = static_cast<double>(layer.width), made = static_cast<double>(layer.made);
  const double rows = static_cast<double>(p.batch * p.n_q);
  double taps = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t u = 0; u < layer.taps.count; ++u)
      taps += static_cast<double>(rows_that_reach({0, p.n_q}, layer.taps.offset(u), p.key_count(b)).size());
  const double matrix = layer.separable ? rows * d * made : 0, gate = layer.gated ? rows * d : 0;
  return {.multiply_adds = taps * (layer.dense ? d * made : static_cast<double>(layer.filtered())) + matrix + gate,
          .exps = gate,
          .bytes = compulsory_bytes(p) + 4 * weight_count(layer)};
}

// ---- Float64 reference: the sum over taps, output by output --------------------------------------------------------------

// Channel c of token t; 0 where there is none.
double token(const OracleTask& task, std::int64_t b, std::int64_t t, std::int64_t c) {
  const auto& p = task.problem;
  if (t < 0 || t >= p.key_count(b)) return 0;
  return task.inputs.values().row(b, c / p.d_v, t)[c % p.d_v];
}

// The depthwise sum of filter f, which reads channel f of the token (a gate's filters begin again at channel 0).
double exact_filter(const OracleTask& task, const Layer& layer, std::int64_t b, std::int64_t i, std::int64_t f) {
  double sum = 0;
  for (std::int64_t u = 0; u < layer.taps.count; ++u)
    sum += static_cast<double>(layer.taps_weights[static_cast<std::size_t>(u * layer.filtered() + f)]) *
           token(task, b, i + layer.taps.first - u * layer.taps.dilation, f % layer.width);
  return sum;
}

// to [made] += x times row c of a matrix [., made]
void add_row(double x, const float* row, std::vector<double>& to) {
  for (std::size_t o = 0; o < to.size(); ++o) to[o] += x * static_cast<double>(row[o]);
}

// All channels of row i, before the gate.
std::vector<double> exact_row(const OracleTask& task, const Layer& layer, std::int64_t b, std::int64_t i) {
  const auto d = layer.width;
  std::vector<double> made(static_cast<std::size_t>(layer.made), 0.0);
  if (layer.separable) {
    for (std::int64_t c = 0; c < d; ++c) add_row(exact_filter(task, layer, b, i, c), layer.pointwise.data() + c * layer.made, made);
  } else if (layer.dense) {
    for (std::int64_t u = 0; u < layer.taps.count; ++u)
      for (std::int64_t c = 0; c < d; ++c)
        add_row(token(task, b, i + layer.taps.first - u * layer.taps.dilation, c),
                layer.taps_weights.data() + (u * d + c) * layer.made, made);
  } else {
    for (std::int64_t f = 0; f < layer.made; ++f) made[static_cast<std::size_t>(f)] = exact_filter(task, layer, b, i, f);
  }
  return made;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto& layer = task.prepared.as<Layer>();
  const auto rows = static_cast<std::int64_t>(task.rows.size());
  task.parallel.for_each(p.batch * rows, [&](std::int64_t t, int) {
    const auto b = t / rows, r = t % rows;
    const auto made = exact_row(task, layer, b, task.rows[static_cast<std::size_t>(r)]);
    for (std::int64_t c = 0; c < layer.width; ++c) {
      const auto at = static_cast<std::size_t>(c), gate = static_cast<std::size_t>(c + layer.width);
      task.out_row(b, c / p.d_v, r)[c % p.d_v] = layer.gated ? made[at] / (1 + std::exp(-made[gate])) : made[at];
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(conv1d) = {
    .name = "conv1d",
    .summary = "a convolution over the tokens of V: dense, separable or depthwise, dilated, gated",
    .paper = "Gehring et al. 2017, Convolutional Sequence to Sequence Learning, section 3; Vaswani et al. 2017, section 4",
    .equation = "y_t = sum_u x_{t + s - u dilation} W_u; s = 0 where causal, else the middle of the taps",
    .computes = Computes::own_definition,
    .time_label = "O(k n D^2)",
    .memory_label = "O(k D^2)",
    .supports = kUnequalDims | kCausal | kKeyLengths,
    .rates = {15e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
