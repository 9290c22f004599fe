// What the two halves of decoding tell each other: the portable one (decode.cpp: plan, workspace, threads) and the one compiled per
// instruction set (decode_split.cpp: one split of the keys of one key/value head).
#pragma once

#include <algorithm>
#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/blocking.h"
#include "variants/kernels/softmax/score_terms.h"

namespace attnbench::kernels {

/// One split of the keys of one key/value head, for all the query rows that use it.
struct DecodeTask {
  const RunTask& run;
  const ScoreTerms& terms;
  std::int64_t batch;
  std::int64_t kv_head;
  KeyRange keys;
  TensorView<float> out;  // [b, h_q, n_q, d_v]: the run's output, or a split's part of it
  float* row_max;         // per (batch, head, row): maximum (units of score_units.h) and sum, for the merge; null if there is none
  float* row_sum;
  float* scratch;  // decode_scratch_floats()
};

/// Query rows that share a key/value head.
inline std::int64_t decode_rows(const Problem& p) { return p.heads_q / p.heads_kv * p.n_q; }

/// Keys that are scored, and then weighed, in one go; whole blocks. Changing over from K to V and back costs as much as reading
/// some 40 KB (decode_kernels-inl.h has the figures), because the prefetchers start anew, so a tile is as long as its scores, one
/// row of them for each query row, leave room in L2 for what streams by: 64 KB of them.
inline std::int64_t decode_tile_keys(const Problem& p) {
  constexpr std::int64_t kScores = 16 << 10;
  const auto wanted = std::min(kScores / decode_rows(p), p.n_k);
  return std::max<std::int64_t>((wanted + kDecodeBlock - 1) / kDecodeBlock, 1) * kDecodeBlock;
}

/// Floats of scratch for one task; whole cache lines.
std::int64_t decode_scratch_floats(const Problem& problem);

/// Runs one task on the instruction set in force.
void decode_split(const DecodeTask& task);

}  // namespace attnbench::kernels
