// One query row against keys that are its own: there is nobody to share their rows with, so lanes run along the head dimension, as
// in decoding. Each key costs the loads of its row: where several rows of a block select most of the keys, a masked tile
// (listed_block.h) is faster.
#pragma once

#include <cstdint>

namespace attnbench::kernels {

/// Rows of one head, by index.
struct GatheredRows {
  const float* first;
  std::int64_t stride;
  std::int64_t dim;
};

/// scores[t] = q . rows[keys[t]] for t < count; writes up to 3 scores more.
void score_gathered(const float* q, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count, float* scores);

/// out[dim] = sum_t w_t rows[keys[t]] / sum_t w_t with w_t = 2^(to_log2 (scores[t] - max)); zeros where count is 0. The scores
/// become weights; up to 15 elements behind them are overwritten.
void attend_gathered(float* scores, float to_log2, const GatheredRows& rows, const std::int32_t* keys, std::int64_t count,
                     float* out);

}  // namespace attnbench::kernels
