// Sliding-window attention with global tokens: each token sees its neighbours, a few tokens see and are seen by all.
//
//   i attends to j  iff  |p_i - j| <= window  or  j < globals  or  0 <= p_i < globals
//                                                  Beltagy, Peters & Cohan 2020, Longformer, section 3.1
// where p_i is the position of query i among the keys (i, or i + n_k - n_q: see Problem::position). The masks of the problem come
// on top; under a causal mask the window reaches back only.
//
// Cost: about n (2 window + 1 + globals) pairs; extra memory one tile per thread.
// Deviations: `window` is one-sided, the paper's w is 2 window; the global tokens are the first ones; they use the same Q, K and V
// as all others (the paper trains a second set of projections); no dilation.
#include <algorithm>
#include <cstdlib>

#include "variants/api/variant.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    integer_param("window", 128, 0, std::int64_t{1} << 40, "neighbours seen on each side"),
    integer_param("globals", 0, 0, std::int64_t{1} << 40, "leading tokens that see all and are seen by all"),
};

// Groups: the rows before position 0 (where n_q > n_k), the global rows, all others. Segments: the global keys, the keys behind
// them.
class WindowPattern final : public kernels::KeyPattern {
 public:
  WindowPattern(const Problem& p, const Params& params)
      : p_(p),
        window_(params.integer("window")),
        globals_(std::min(params.integer("globals"), p.n_k)),
        first_global_row_(std::clamp<std::int64_t>(-p.position(0), 0, p.n_q)),
        end_global_rows_(std::clamp<std::int64_t>(globals_ - p.position(0), first_global_row_, p.n_q)) {}

  std::int64_t groups() const override { return 3; }
  kernels::RowRange group(std::int64_t g) const override {
    if (g == 0) return {0, 1, first_global_row_};
    if (g == kGlobalRows) return {first_global_row_, 1, end_global_rows_ - first_global_row_};
    return {end_global_rows_, 1, p_.n_q - end_global_rows_};
  }
  std::int64_t segments(std::int64_t) const override { return 2; }
  kernels::KeySegment segment(std::int64_t, std::int64_t s) const override {
    if (s == 0) return kernels::KeySegment::contiguous(0, globals_);
    return kernels::KeySegment::contiguous(globals_, p_.n_k);
  }
  KeyRange visible(std::int64_t g, std::int64_t s, std::int64_t row) const override {
    if (g == kGlobalRows || s == 0) return {0, p_.n_k};
    const auto position = p_.position(row);
    return {position - window_ - globals_, position + window_ + 1 - globals_};
  }

 private:
  const Problem& p_;
  static constexpr std::int64_t kGlobalRows = 1;
  std::int64_t window_, globals_, first_global_row_, end_global_rows_;
};

bool attends(const MaskTask& task, std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
  const auto position = task.problem.position(i);
  const auto globals = task.params.integer("globals");
  return std::abs(position - j) <= task.params.integer("window") || j < globals || (position >= 0 && position < globals);
}

void run(const RunTask& task) { kernels::attend(task, WindowPattern(task.problem, task.params)); }

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  return kernels::tile_workspace(p, WindowPattern(p, params), threads);
}

Cost cost(const Problem& p, const Params& params) { return kernels::pattern_cost(p, WindowPattern(p, params)); }

}  // namespace

ATTNBENCH_VARIANT(sliding_window) = {
    .name = "sliding_window",
    .summary = "each token sees `window` neighbours on each side; global tokens see and are seen by all",
    .paper = "Beltagy, Peters & Cohan 2020, Longformer, section 3.1",
    .equation = "O = softmax(Q K^T / sqrt(d) + mask) V over keys j with |i - j| <= window or j < globals or i < globals",
    .computes = Computes::masked_softmax,
    .time_label = "O(n w d)",
    .memory_label = "O(1)",
    .supports = kEverything,
    .laws = kRowStochastic | kIndependentHeads | kScoreShift | kWeightsReadable,
    .rates = {18e9, 0.3e9},
    .params = kParams,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .attends = attends,
};

}  // namespace attnbench
