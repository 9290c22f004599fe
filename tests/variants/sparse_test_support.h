// What every sparse variant must keep: its own predicate's truth, and the pairs counted as declared.
#pragma once

#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {

using Settings = std::vector<std::pair<std::string, std::string>>;

/// Shapes that cut windows, blocks and strides at every edge: cross attention both ways, alignments, GQA, all masks.
inline const char* const kSparseShapes[] = {
    "n1 d8",
    "n2 d8 causal",
    "n17 d8 causal",
    "n97 d16",
    "b2 h4:2 n113 d12:20 causal",
    "h2 n267 d8",
    "n267 d8 causal",
    "n40:150 d8 causal-bottom-right",
    "n40:150 d8 causal-top-left",
    "n150:40 d8 causal-bottom-right",
    "n150:40 d8 causal-top-left",
    "n150:40 d8",
    "n40:150 d8",
    "b3 h2 n70 d8 klen=0,33,70",
    "b2 n90 d8 window=20:5 klen=90,50",
    "b2 h6:3 n75 d8 causal mask=bool:bh",
    "h2 n75 d8 mask=additive:h softcap=4 scale=0.5",
};

/// Pairs over all batch entries and heads that `attends` and the problem's own masks leave.
inline double counted_pairs(const Call& call, const Inputs& inputs) {
  const auto& p = call.problem;
  const MaskTask mask{p, call.params, call.prepared};
  double pairs = 0;
  for (std::int64_t b = 0; b < p.batch; ++b)
    for (std::int64_t h = 0; h < p.heads_q; ++h)
      for (std::int64_t i = 0; i < p.n_q; ++i)
        for (std::int64_t j = 0; j < p.n_k; ++j)
          pairs += problem_attends(p, inputs, b, h, i, j) && call.variant.attends(mask, b, h, i, j);
  return pairs;
}

/// The run agrees with the float64 truth under `attends`, and cost() counts exactly the pairs that it leaves.
inline void check_sparse(const char* variant, const Settings& settings) {
  for (const char* shape : kSparseShapes) {
    Call call(variant, shape, settings);
    CAPTURE(variant, shape, call.params.non_default());
    const auto arrays = random_arrays(call.problem);
    const auto inputs = arrays.inputs(call.problem);
    CHECK(relative_rms(call.run(inputs), call.reference(inputs)) <= kTolerance);
    if (call.problem.mask.kind == MaskKind::none)
      CHECK(call.variant.cost(call.problem, call.params).pairs == counted_pairs(call, inputs));
  }
}

}  // namespace attnbench::testing
