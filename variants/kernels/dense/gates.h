// Gated recurrent layers (LSTM, GRU): their weights, the element-wise half of a step, and the walk along the sequence.
//
// The D units of a layer are padded to `width`, whole panels of 64 with zero weights; padded units stay exactly 0. A token's gates
// lie as four blocks of `width` numbers. What comes from the inputs is one BLAS product per chunk of positions; what comes from the
// state has to wait for the step before.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/kernels/blocking.h"
#include "variants/kernels/dense/projection.h"
#include "variants/kernels/dense/thin_product.h"

namespace attnbench::kernels {

constexpr std::int64_t kGates = 4;             // blocks of a token
constexpr std::int64_t kRecurrentChunk = 128;  // positions whose inputs are projected at once

inline std::int64_t padded_units(std::int64_t units) { return ceil_div(units, kPanelColumns) * kPanelColumns; }

/// [rows, gates * units] as [rows, gates * padded_units(units)], and the same for a bias (rows = 1).
std::vector<float> pad_gates(const std::vector<float>& matrix, std::int64_t rows, std::int64_t gates, std::int64_t units);

/// LSTM: c = sig(f) c + sig(i) tanh(g), h = sig(o) tanh(c). gates and bias: [i | f | g | o]. `width`: a multiple of 64, here and
/// below.
void lstm_cells(const float* gates, const float* bias, std::int64_t width, float* c, float* h);

/// GRU, reset after the product: n = tanh(x + sig(r) u), h = n + sig(z) (h - n). gates: [r | z | x | u], bias for each.
void gru_cells(const float* gates, const float* bias, std::int64_t width, float* h);

/// GRU, reset before the product. First reset = sig(r) h; then, x holding the product with that, h as above with n = tanh(x).
void gru_reset(const float* gates, const float* bias, std::int64_t width, const float* h, float* reset);
void gru_cells_reset_before(const float* gates, const float* bias, std::int64_t width, float* h);

// ---- The walk ------------------------------------------------------------------------------------------------------------

/// Memory of a walk over a problem whose token rows are V's.
struct RecurrentScratch {
  float* gates;   // [b][kRecurrentChunk][4 width]
  float* h;       // [b][width]
  float* c;       // [b][width]
  float* panels;  // of project()

  static std::int64_t units(const Problem& p) { return p.heads_q * p.d_v; }
  static std::int64_t width(const Problem& p) { return padded_units(units(p)); }
  static std::int64_t gate_floats(const Problem& p) { return p.batch * kRecurrentChunk * kGates * width(p); }
  static std::int64_t panel_floats(const Problem& p, int threads) {
    return projection_floats(threads, units(p), kGates * width(p));
  }
  static RecurrentScratch take(const Problem& p, Workspace& workspace, int threads) {
    const auto state = p.batch * width(p);
    RecurrentScratch s{workspace.allocate<float>(gate_floats(p)).data(), workspace.allocate<float>(state).data(),
                       workspace.allocate<float>(state).data(), workspace.allocate<float>(panel_floats(p, threads)).data()};
    std::fill_n(s.h, state, 0.0f);
    std::fill_n(s.c, state, 0.0f);
    return s;
  }
  static std::size_t bytes(const Problem& p, int threads) {
    return workspace_bytes<float>(gate_floats(p)) + 2 * workspace_bytes<float>(p.batch * width(p)) +
           workspace_bytes<float>(panel_floats(p, threads));
  }
};

/// One position of some batch entries.
struct RecurrentStep {
  KeyRange entries;
  std::int64_t width;
  float* gates;  // [entry][4 width], gate_stride apart; the input's share is there
  std::int64_t gate_stride;
  float *h, *c;  // [entry][width]
  const Parallel& parallel;

  std::int64_t count() const { return entries.size(); }
  float* gates_of(std::int64_t r) const { return gates + r * gate_stride; }
  /// gates + `block` blocks += a U, for a of every entry, a_stride apart.
  void add_product(const float* a, std::int64_t a_stride, const PackedMatrix& u, std::int64_t block) const {
    const auto panels = u.panel_count();
    parallel.for_ranges(panels, ceil_div(panels, parallel.threads()), [&](std::int64_t begin, std::int64_t end, int) {
      add_thin_product(a, a_stride, count(), u, {begin, end}, gates + block * width, gate_stride);
    });
  }
};

/// For each position in turn: the gates' share of the input, X W for w [D, input_blocks * width]; step.products(step);
/// step.cells(step, r) for every entry r that is not past its length, after which its state stays; h is the output row.
/// Batch entries are shared out over threads. With fewer entries than threads and much work in a step, its products are instead,
/// which all threads wait for at every position.
template <class Cell>
void walk_positions(const RunTask& task, const std::vector<float>& w, std::int64_t input_blocks, const Cell& cell) {
  const auto& p = task.problem;
  const auto threads = task.parallel.threads();
  const auto width = RecurrentScratch::width(p), gate_row = kGates * width;
  const auto s = RecurrentScratch::take(p, task.workspace, threads);
  const double step_work = static_cast<double>(p.batch * gate_row) * static_cast<double>(RecurrentScratch::units(p));
  const bool split_products = p.batch < threads && step_work > kSerialWork;
  const auto group = split_products ? p.batch : ceil_div(p.batch, threads);
  for (std::int64_t begin = 0; begin < p.n_q; begin += kRecurrentChunk) {
    const KeyRange chunk{begin, std::min(p.n_q, begin + kRecurrentChunk)};
    const TensorView<float> gates{
        s.gates, {p.batch, 1, chunk.size(), input_blocks * width}, {kRecurrentChunk * gate_row, 0, gate_row, 1}};
    project(task.parallel, rows_of(task.inputs.values(), chunk), w.data(), gates, s.panels);
    const Parallel serial;
    task.parallel.for_ranges(p.batch, group, [&](std::int64_t first, std::int64_t last, int) {
      for (auto t = chunk.begin; t < chunk.end; ++t) {
        const RecurrentStep step{{first, last},
                                 width,
                                 gates.row(first, 0, t - begin),
                                 gates.stride[0],
                                 s.h + first * width,
                                 s.c + first * width,
                                 split_products ? task.parallel : serial};
        cell.products(step);
        for (auto b = first; b < last; ++b) {
          if (t < p.key_count(b)) cell.cells(step, b - first);
          scatter_rows(s.h + b * width, task.out(), b, {t, t + 1});
        }
      }
    });
  }
}

/// Positions after each other, most over the batch: what a recurrence waits for.
inline double walk_depth(const Problem& p) {
  double depth = 1;
  for (std::int64_t b = 0; b < p.batch; ++b) depth = std::max(depth, static_cast<double>(p.key_count(b)));
  return depth;
}

}  // namespace attnbench::kernels
