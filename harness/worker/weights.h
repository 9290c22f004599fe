// Weights: the attention matrix that a variant really applies, read through its public interface alone. Attention is linear in V,
// so V = a block of columns of the identity gives those columns of the matrix as output; no variant has to expose its weights.
#pragma once

#include <vector>

#include "harness/planning/variant_config.h"

namespace attnbench {

/// Row-major [batch, heads_q, n_q, n_k]. V of the inputs is not read. For variants that claim kWeightsReadable.
std::vector<float> read_weights(const VariantConfig& config, const Problem& problem, const Inputs& inputs, std::uint64_t seed,
                                const Parallel& parallel);

}  // namespace attnbench
