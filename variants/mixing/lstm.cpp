// A long short-term memory layer: the recurrent layer that attention replaced, one step per position.
//
//   i, f, o = sig(W x_t + U h_{t-1} + b),  g = tanh(W x_t + U h_{t-1} + b)          (each with its own W, U, b)
//   c_t = f c_{t-1} + i g,  h_t = o tanh(c_t)                Hochreiter & Schmidhuber 1997; forget gate: Gers et al. 2000
//
// The tokens x_t [D] are the heads of V side by side, D = heads d_v, and so are the outputs h_t [D]; Q and K are not read. Weights
// are drawn in prepare() with variance 1/D. Positions beyond a key length keep the state of the last one before.
// Cost: 8 D^2 multiply-adds and 5 D exponentials a position, n positions that wait for one another (Vaswani et al. 2017, table 1).
// W x_t is a BLAS product per 128 positions; U h_{t-1} reads all of U once a step for all batch entries, which is what a step takes
// with few of them. Extra memory: 4 D floats for each of 128 positions of an entry.
// Multiply-adds per second against blockwise (AVX-512, one thread): 0.16 at D 512 and one entry, where U is 4 MB, 0.35 at D 256 and
// one, 0.5 at D 512 and 4, 0.85 at D 256 and 16.
#include <cmath>

#include "variants/api/variant.h"
#include "variants/kernels/dense/gates.h"
#include "variants/kernels/random_weights.h"

namespace attnbench {
namespace {

using namespace kernels;

struct Layer {
  std::vector<float> input;  // [D, 4 width], gates i f g o
  PackedMatrix recurrent;    // [D, 4 width]
  std::vector<float> bias;   // [4 width]

  void products(const RecurrentStep& step) const { step.add_product(step.h, step.width, recurrent, 0); }
  void cells(const RecurrentStep& step, std::int64_t r) const {
    lstm_cells(step.gates_of(r), bias.data(), step.width, step.c + r * step.width, step.h + r * step.width);
  }
};

// Streams of the seed: 0 W [D, 4 D], 1 U [D, 4 D], 2 b [4 D].
Prepared make_layer(const PrepareTask& task) {
  const auto d = RecurrentScratch::units(task.problem), width = RecurrentScratch::width(task.problem);
  const auto draw = [&](std::int64_t rows, std::uint64_t stream) {
    return pad_gates(random_weights(rows * kGates * d, d, task.seed, stream), rows, kGates, d);
  };
  const auto bytes = sizeof(float) * static_cast<std::size_t>((2 * d + 1) * kGates * width);
  return Prepared::of(Layer{draw(d, 0), pack_matrix(draw(d, 1), d, kGates * width), draw(1, 2)}, bytes);
}

void run(const RunTask& task) {
  const auto& layer = task.prepared.as<Layer>();
  walk_positions(task, layer.input, kGates, layer);
}

std::size_t workspace(const Problem& p, const Params&, int threads) { return RecurrentScratch::bytes(p, threads); }

Cost cost(const Problem& p, const Params&) {
  const double d = static_cast<double>(RecurrentScratch::units(p)), tokens = static_cast<double>(p.batch * p.n_q);
  return {.multiply_adds = tokens * 8 * d * d,
          .exps = tokens * 5 * d,
          .bytes = compulsory_bytes(p) + 4 * (8 * d * d + 4 * d),
          .depth = walk_depth(p)};
}

// ---- Float64 reference: the equations, position by position --------------------------------------------------------------

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct ExactState {
  std::vector<double> c, h;
};

// One step from the token x [D].
void exact_step(const Layer& layer, const std::vector<double>& x, ExactState& state) {
  const auto d = static_cast<std::int64_t>(x.size()), width = static_cast<std::int64_t>(layer.bias.size()) / kGates;
  std::vector<double> sums(layer.bias.begin(), layer.bias.end());
  for (std::int64_t k = 0; k < d; ++k)
    for (std::int64_t p = 0; p < layer.recurrent.panel_count(); ++p) {
      const float* w = layer.input.data() + k * kGates * width + p * kPanelColumns;
      const float* u = layer.recurrent.panel(p) + k * kPanelColumns;
      double* to = sums.data() + p * kPanelColumns;
      const double token = x[static_cast<std::size_t>(k)], before = state.h[static_cast<std::size_t>(k)];
      for (std::int64_t column = 0; column < kPanelColumns; ++column)
        to[column] += token * static_cast<double>(w[column]) + before * static_cast<double>(u[column]);
    }
  for (std::int64_t u = 0; u < d; ++u) {
    const auto gate = [&](std::int64_t block) { return sums[static_cast<std::size_t>(block * width + u)]; };
    double& c = state.c[static_cast<std::size_t>(u)];
    c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * std::tanh(gate(2));
    state.h[static_cast<std::size_t>(u)] = sigmoid(gate(3)) * std::tanh(c);
  }
}

void oracle(const OracleTask& task) {
  const auto& p = task.problem;
  const auto d = static_cast<std::size_t>(RecurrentScratch::units(p));
  task.parallel.for_each(p.batch, [&](std::int64_t b, int) {
    ExactState state{std::vector<double>(d, 0.0), std::vector<double>(d, 0.0)};
    std::vector<double> x(d);
    std::int64_t t = 0;
    for (std::size_t r = 0; r < task.rows.size(); ++r) {
      for (; t <= std::min(task.rows[r], p.key_count(b) - 1); ++t) {
        for (std::size_t c = 0; c < d; ++c) {
          const auto channel = static_cast<std::int64_t>(c);
          x[c] = task.inputs.values().row(b, channel / p.d_v, t)[channel % p.d_v];
        }
        exact_step(task.prepared.as<Layer>(), x, state);
      }
      for (std::int64_t h = 0; h < p.heads_q; ++h)
        std::copy_n(state.h.data() + h * p.d_v, p.d_v, task.out_row(b, h, static_cast<std::int64_t>(r)));
    }
  });
}

}  // namespace

ATTNBENCH_VARIANT(lstm) = {
    .name = "lstm",
    .summary = "a long short-term memory layer over the tokens of V: n steps that wait for one another",
    .paper = "Hochreiter & Schmidhuber 1997, Long Short-Term Memory; forget gate: Gers, Schmidhuber & Cummins 2000",
    .equation =
        "i, f, o = sig(W x_t + U h_{t-1} + b), g = tanh(W x_t + U h_{t-1} + b)\n"
        "c_t = f c_{t-1} + i g, h_t = o tanh(c_t)",
    .computes = Computes::own_definition,
    .time_label = "O(n D^2)",
    .memory_label = "O(D^2)",
    .supports = kUnequalDims | kCausal | kKeyLengths,
    .needs = kCausal,
    .rates = {4e9, 0.3e9},
    .cost = cost,
    .workspace = workspace,
    .prepare = make_layer,
    .run = run,
    .oracle = oracle,
};

}  // namespace attnbench
