// From one row of scores to one row of attention weights: softcap, the problem's masks, softmax. Shared by the variants that
// hold whole rows of scores; the online-softmax variants have their own.
#pragma once

#include <cstdint>

#include "variants/api/variant.h"

namespace attnbench::kernels {

/// Overwrites scores[0, keys.size()), the scaled scores of query row i of (b, h) for `keys`, with their weights. `keys` must
/// hold every key the row may see; keys it may not see get exactly 0 whatever their score was, NaN included.
void scores_to_weights(const Problem& problem, const Inputs& inputs, std::int64_t b, std::int64_t h, std::int64_t i, KeyRange keys,
                       float* scores);

/// Keys that at least one of the rows [begin, end) of batch entry b may see by causal, window and key length.
KeyRange keys_seen_by_any(const Problem& problem, std::int64_t b, std::int64_t begin, std::int64_t end);

/// Keys that every one of those rows may see; empty where a dense mask may mask any.
KeyRange keys_seen_by_all(const Problem& problem, std::int64_t b, std::int64_t begin, std::int64_t end);

}  // namespace attnbench::kernels
