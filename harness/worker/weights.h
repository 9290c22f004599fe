// Weights: the attention matrix that a variant really applies, read through its public interface alone. Attention is linear in V,
// so V = a block of columns of the identity gives those columns of the matrix as output; no variant has to expose its weights.
#pragma once

#include <vector>

#include "harness/planning/plan.h"

namespace attnbench {

/// The problem whose matrix is drawn for a case: the same with at most kWeightsTokens queries and keys and no dense mask or key
/// lengths.
Problem weights_problem(const Problem& problem);
constexpr std::int64_t kWeightsTokens = 64;

/// The selection that is drawn. A pattern wider than the picture would fill it, so a variant with a pattern of its own has its
/// token counts (whole-number parameters above a sixteenth of the picture) scaled down together, the largest to that sixteenth.
Selected weights_selection(const Selected& selected);

/// Row-major [batch, heads_q, n_q, n_k]. V of the inputs is not read. For variants that claim kWeightsReadable.
std::vector<float> read_weights(const Selected& selected, const Problem& problem, const Inputs& inputs, std::uint64_t seed,
                                const Parallel& parallel);

}  // namespace attnbench
