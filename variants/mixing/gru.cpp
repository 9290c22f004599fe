// A layer of gated recurrent units: an LSTM with one state and three gates.
//
//   r, z = sig(W x_t + U h_{t-1} + b)                                            (each with its own W, U, b)
//   n = tanh(W_n x_t + b_n + r (U_n h_{t-1} + b'_n))      reset=after:  Cho et al. 2014, arXiv version 1; cuDNN, PyTorch
//   n = tanh(W_n x_t + b_n + U_n (r h_{t-1}) + b'_n)      reset=before: the published paper, equation 8
//   h_t = (1 - z) n + z h_{t-1}
//
// The two are other functions, about a third of the output apart on random weights; only `before` makes two products wait for each
// other in a step. Tokens, weights and key lengths as in lstm.cpp. (The paper calls 1 - z what is z here, which is a name only.)
// Cost: 6 D^2 multiply-adds and 3 D exponentials a position, n positions that wait for one another.
#include <cmath>

#include "variants/api/variant.h"
#include "variants/kernels/dense/gates.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

using namespace kernels;

constexpr std::int64_t kBlocks = 3;  // r z n

constexpr ParamSpec kParams[] = {
    choice_param("reset", "after", "after|before", "whether r scales U_n h, or h before the product"),
};

struct Layer {
  std::vector<float> input;        // [D, 3 width], gates r z n
  PackedMatrix reset_update, own;  // U of r and z [D, 2 width], and of n [D, width]
  std::vector<float> bias;         // [4 width]: r, z, n and b'
  bool reset_after;
};

// Streams of the seed: 0 W [D, 3 D], 1 U of r and z [D, 2 D], 2 U of n [D, D], 3 biases [4 D].
Prepared make_layer(const PrepareTask& task) {
  const auto d = RecurrentScratch::units(task.problem), width = RecurrentScratch::width(task.problem);
  const auto draw = [&](std::int64_t rows, std::int64_t gates, std::uint64_t stream) {
    return pad_gates(random_weights(rows * gates * d, d, task.seed, stream), rows, gates, d);
  };
  const auto bytes = sizeof(float) * static_cast<std::size_t>((6 * d + 4) * width);
  return Prepared::of(Layer{draw(d, kBlocks, 0), pack_matrix(draw(d, 2, 1), d, 2 * width), pack_matrix(draw(d, 1, 2), d, width),
                            draw(1, kGates, 3), task.params.choice("reset") == "after"},
                      bytes);
}

// The walk's half of a step. A token's gates: [r | z | W_n x | U_n h], the last r h where the reset comes before.
struct ResetAfter {
  const Layer& layer;

  void products(const RecurrentStep& step) const {
    for (std::int64_t r = 0; r < step.count(); ++r) std::fill_n(step.gates_of(r) + 3 * step.width, step.width, 0.0f);
    step.add_product(step.h, step.width, layer.reset_update, 0);
    step.add_product(step.h, step.width, layer.own, 3);
  }
  void cells(const RecurrentStep& step, std::int64_t r) const {
    gru_cells(step.gates_of(r), layer.bias.data(), step.width, step.h + r * step.width);
  }
};

struct ResetBefore {
  const Layer& layer;

  void products(const RecurrentStep& step) const {
    step.add_product(step.h, step.width, layer.reset_update, 0);
    for (std::int64_t r = 0; r < step.count(); ++r)
      gru_reset(step.gates_of(r), layer.bias.data(), step.width, step.h + r * step.width, step.gates_of(r) + 3 * step.width);
    step.add_product(step.gates + 3 * step.width, step.gate_stride, layer.own, 2);
  }
  void cells(const RecurrentStep& step, std::int64_t r) const {
    gru_cells_reset_before(step.gates_of(r), layer.bias.data(), step.width, step.h + r * step.width);
  }
};

void run(const RunTask& task) {
  const auto& layer = task.prepared.as<Layer>();
  if (layer.reset_after) walk_positions(task, layer.input, kBlocks, ResetAfter{layer});
  else walk_positions(task, layer.input, kBlocks, ResetBefore{layer});
}

std::size_t workspace(const Problem& p, const Params&, int threads) { return RecurrentScratch::bytes(p, threads); }

Cost cost(const Problem& p, const Params&) {
  const double d = static_cast<double>(RecurrentScratch::units(p)), tokens = static_cast<double>(p.batch * p.n_q);
  return {.multiply_adds = tokens * 6 * d * d,
          .exps = tokens * 3 * d,
          .bytes = compulsory_bytes(p) + 4 * (6 * d * d + 4 * d),
          .depth = walk_depth(p)};
}

// ---- Float64 reference: the equations, position by position --------------------------------------------------------------

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// y [columns] = x [D] M
std::vector<double> exact_product(const std::vector<double>& x, const PackedMatrix& m) {
  std::vector<double> y(static_cast<std::size_t>(m.columns), 0.0);
  for (std::int64_t p = 0; p < m.panel_count(); ++p)
    for (std::int64_t k = 0; k < m.rows; ++k)
      for (std::int64_t c = 0; c < kPanelColumns; ++c)
        y[static_cast<std::size_t>(p * kPanelColumns + c)] +=
            x[static_cast<std::size_t>(k)] * static_cast<double>(m.panel(p)[k * kPanelColumns + c]);
  return y;
}

// One step from what the token gives the gates, [3 width].
void exact_step(const Layer& layer, const std::vector<double>& given, std::vector<double>& h) {
  const auto width = layer.bias.size() / kGates;
  const auto bias = [&](std::size_t block, std::size_t u) { return double{layer.bias[block * width + u]}; };
  const auto gates = exact_product(h, layer.reset_update);
  std::vector<double> reset(h), kept(h);
  for (std::size_t u = 0; u < h.size(); ++u) {
    reset[u] = sigmoid(given[u] + gates[u] + bias(0, u));
    kept[u] = layer.reset_after ? h[u] : reset[u] * h[u];
  }
  const auto own = exact_product(kept, layer.own);
  for (std::size_t u = 0; u < h.size(); ++u) {
    const double z = sigmoid(given[width + u] + gates[width + u] + bias(1, u)), state = own[u] + bias(3, u);
    const double n = std::tanh(given[2 * width + u] + bias(2, u) + (layer.reset_after ? reset[u] : 1) * state);
    h[u] = (1 - z) * n + z * h[u];
  }
}

// W x of token t, [3 width].
std::vector<double> exact_input(const OracleTask& task, std::int64_t b, std::int64_t t) {
  const auto& p = task.problem;
  const auto& w = task.prepared.as<Layer>().input;
  const auto columns = w.size() / static_cast<std::size_t>(RecurrentScratch::units(p));
  std::vector<double> given(columns, 0.0);
  for (std::size_t k = 0; k * columns < w.size(); ++k) {
    const auto channel = static_cast<std::int64_t>(k);
    const double x = task.inputs.values().row(b, channel / p.d_v, t)[channel % p.d_v];
    for (std::size_t c = 0; c < columns; ++c) given[c] += x * static_cast<double>(w[k * columns + c]);
  }
  return given;
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  task.parallel.for_each(p.batch, [&](std::int64_t b, int) {
    std::vector<double> h(static_cast<std::size_t>(RecurrentScratch::units(p)), 0.0);
    std::int64_t t = 0;
    for (std::size_t r = 0; r < task.rows.size(); ++r) {
      for (; t <= std::min(task.rows[r], p.key_count(b) - 1); ++t)
        exact_step(task.prepared.as<Layer>(), exact_input(task, b, t), h);
      for (std::int64_t head = 0; head < p.heads_q; ++head)
        std::copy_n(h.data() + head * p.d_v, p.d_v, task.out_row(b, head, static_cast<std::int64_t>(r)));
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(gru) = {
    .name = "gru",
    .summary = "a layer of gated recurrent units over the tokens of V: n steps that wait for one another",
    .paper = "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, section 2.3",
    .equation =
        "r, z = sig(W x_t + U h_{t-1} + b), n = tanh(W_n x_t + b_n + r (U_n h_{t-1} + b'_n))\n"
        "h_t = (1 - z) n + z h_{t-1}",
    .computes = Computes::own_definition,
    .time_label = "O(n D^2)",
    .memory_label = "O(D^2)",
    .supports = kUnequalDims | kCausal | kKeyLengths,
    .needs = kCausal,
    .rates = {4e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
