// Factorised strided and fixed attention: each token sees its neighbours and a regular comb of far keys.
//
//   strided:  j in [p_i - l, p_i + l]                 or  (p_i - j) mod l = 0
//   fixed:    floor(j / l) = floor(p_i / l)           or  j mod l >= l - c
//                                                  Child, Gray, Radford & Sutskever 2019, Sparse Transformer, section 4.3
// with the stride l, c = `summary` and p_i the position of query i among the keys (Problem::position). The paper is causal: its
// sets are these under a causal mask. The problem's masks come on top.
//
// Cost: about n (l + n / l) pairs causal, least at l = sqrt(n); extra memory one tile per thread, and for `strided` two floats per
// row. Deviations: the paper gives the two sets to two heads or merges them (section 5.2); here every head has their union, the
// merged form. Without a causal mask both sets reach forward too.
//
// How `strided` stays dense: rows and keys of one residue mod l form an ordinary attention problem of n / l tokens. A first pass
// does the neighbours; a second one does each residue, and carries the first one's softmax on.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "variants/api/integers.h"
#include "variants/api/variant.h"
#include "variants/kernels/softmax/tile_engine.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {
    choice_param("pattern", "strided", "strided|fixed", "which of the paper's two patterns"),
    integer_param("stride", 0, 0, std::int64_t{1} << 40, "l, in tokens; 0 is sqrt(n_k) rounded, where the pairs are fewest"),
    integer_param("summary", 8, 1, std::int64_t{1} << 40, "c, the summary tokens at the end of each block of `fixed`"),
};

// l: as given, or sqrt(n_k) (no less than the summary, for `fixed`).
std::int64_t stride_of(const Problem& p, const Params& params) {
  if (const auto stride = params.integer("stride"); stride > 0) return stride;
  const auto root = static_cast<std::int64_t>(std::llround(std::sqrt(static_cast<double>(p.n_k))));
  return params.choice("pattern") == "fixed" ? std::max(root, params.integer("summary")) : root;
}

// `strided`, first pass: |p - j| <= l.
class Neighbours final : public kernels::KeyPattern {
 public:
  Neighbours(const Problem& p, std::int64_t stride) : p_(p), stride_(stride) {}
  std::int64_t groups() const override { return 1; }
  kernels::RowRange group(std::int64_t) const override { return {0, 1, p_.n_q}; }
  std::int64_t segments(std::int64_t) const override { return 1; }
  kernels::KeySegment segment(std::int64_t, std::int64_t) const override { return kernels::KeySegment::contiguous(0, p_.n_k); }
  KeyRange visible(std::int64_t, std::int64_t, std::int64_t row) const override {
    return {p_.position(row) - stride_, p_.position(row) + stride_ + 1};
  }

 private:
  const Problem& p_;
  std::int64_t stride_;
};

// `strided`, second pass: rows of one residue see the keys of that residue that are not neighbours. Row number k of a residue has
// neighbours k - 1, k and k + 1 there, so it sees those before (segment 0) and those behind (segment 1).
class Columns final : public kernels::KeyPattern {
 public:
  Columns(const Problem& p, std::int64_t stride) : p_(p), stride_(stride) {}
  std::int64_t groups() const override { return std::min(stride_, p_.n_q); }
  kernels::RowRange group(std::int64_t g) const override { return {g, stride_, ceil_div(p_.n_q - g, stride_)}; }
  std::int64_t segments(std::int64_t) const override { return p_.causal == Causal::none ? 2 : 1; }
  kernels::KeySegment segment(std::int64_t g, std::int64_t) const override {
    const auto first = floor_mod(p_.position(g), stride_);
    return {first, 1, stride_, std::max<std::int64_t>(0, ceil_div(p_.n_k - first, stride_))};
  }
  KeyRange visible(std::int64_t, std::int64_t s, std::int64_t row) const override {
    const auto k = floor_div(p_.position(row), stride_);
    if (s == 0) return {0, k - 1};
    return {k + 2, p_.n_k};
  }

 private:
  const Problem& p_;
  std::int64_t stride_;
};

// `fixed`: segment 0 is the row's own block, segments 1 and 2 are the summary columns before and behind it.
class OwnBlockAndSummaries final : public kernels::KeyPattern {
 public:
  OwnBlockAndSummaries(const Problem& p, std::int64_t stride, std::int64_t summary) : p_(p), stride_(stride), summary_(summary) {}
  std::int64_t groups() const override { return 1; }
  kernels::RowRange group(std::int64_t) const override { return {0, 1, p_.n_q}; }
  std::int64_t segments(std::int64_t) const override { return p_.causal == Causal::none ? 3 : 2; }
  kernels::KeySegment segment(std::int64_t, std::int64_t s) const override {
    if (s == 0) return kernels::KeySegment::contiguous(0, p_.n_k);
    const auto first = stride_ - summary_;
    const auto in_last_block = std::max<std::int64_t>(0, p_.n_k % stride_ - first);
    return {first, summary_, stride_, p_.n_k / stride_ * summary_ + in_last_block};
  }
  KeyRange visible(std::int64_t, std::int64_t s, std::int64_t row) const override {
    const auto block = floor_div(p_.position(row), stride_);
    if (s == 0) return {block * stride_, (block + 1) * stride_};
    if (s == 1) return {0, block * summary_};
    return {(block + 1) * summary_, p_.n_k};
  }

 private:
  const Problem& p_;
  std::int64_t stride_, summary_;
};

bool is_fixed(const Params& params) { return params.choice("pattern") == "fixed"; }

// Calls f with the passes of the chosen pattern.
template <class F>
auto with_passes(const Problem& p, const Params& params, F f) {
  const auto stride = stride_of(p, params);
  if (is_fixed(params)) {
    const OwnBlockAndSummaries fixed(p, stride, params.integer("summary"));
    const kernels::KeyPattern* passes[] = {&fixed};
    return f(kernels::Passes(passes));
  }
  const Neighbours neighbours(p, stride);
  const Columns columns(p, stride);
  const kernels::KeyPattern* passes[] = {&neighbours, &columns};
  return f(kernels::Passes(passes));
}

bool attends(const MaskTask& task, std::int64_t, std::int64_t, std::int64_t i, std::int64_t j) {
  const auto p = task.problem.position(i);
  const auto l = stride_of(task.problem, task.params);
  if (is_fixed(task.params)) return floor_div(j, l) == floor_div(p, l) || j % l >= l - task.params.integer("summary");
  return std::abs(p - j) <= l || (p - j) % l == 0;
}

void run(const RunTask& task) {
  with_passes(task.problem, task.params, [&](kernels::Passes passes) { kernels::attend(task, passes); });
}

std::size_t workspace(const Problem& p, const Params& params, int threads) {
  return with_passes(p, params, [&](kernels::Passes passes) { return kernels::tile_workspace(p, passes, threads); });
}

Cost cost(const Problem& p, const Params& params) {
  return with_passes(p, params, [&](kernels::Passes passes) { return kernels::pattern_cost(p, passes); });
}

void unsupported(const Problem&, const Params& params, Reasons& reasons) {
  const auto stride = params.integer("stride"), summary = params.integer("summary");
  if (is_fixed(params) && stride > 0 && summary > stride)
    reasons.push_back("summary=" + std::to_string(summary) + " is more than stride=" + std::to_string(stride) +
                      "; choose at most the stride, or stride=0");
}

}  // namespace

ATTNBENCH_VARIANT(strided) = {
    .name = "strided",
    .summary = "each token sees its sqrt(n) neighbours and every sqrt(n)-th key, or its block and summary tokens",
    .paper = "Child, Gray, Radford & Sutskever 2019, Generating Long Sequences with Sparse Transformers, section 4.3",
    .equation =
        "O = softmax(Q K^T / sqrt(d) + mask) V over keys j with, for stride l and c = summary,\n"
        "strided: |i - j| <= l or (i - j) mod l = 0; fixed: floor(j/l) = floor(i/l) or j mod l >= l - c",
    .computes = Computes::masked_softmax,
    .time_label = "O(n sqrt(n) d)",
    .memory_label = "O(n)",
    .supports = kEverything,
    .laws = kRowStochastic | kIndependentHeads | kScoreShift | kWeightsReadable,
    .rates = {18e9, 0.3e9},
    .params = kParams,
    .unsupported = unsupported,
    .cost = cost,
    .workspace = workspace,
    .run = run,
    .attends = attends,
};

}  // namespace attnbench
