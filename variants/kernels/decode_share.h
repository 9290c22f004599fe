// What the two halves of decoding tell each other: the portable one (decode.cpp: plan, workspace, threads) and the one compiled per
// instruction set (decode_share.cpp: one share of the keys of one key/value head).
#pragma once

#include <cstdint>

#include "variants/api/variant.h"

namespace attnbench::kernels {

// Keys per tile: long enough for the prefetcher to settle on K, then on V; the scores (16 rows: 16 KB) stay in L1.
constexpr std::int64_t kDecodeTile = 256;

/// One share of the keys of one key/value head, for all the query rows that use it.
struct DecodeTask {
  const RunTask& run;
  std::int64_t batch;
  std::int64_t kv_head;
  KeyRange keys;
  TensorView<float> out;  // [b, h_q, n_q, d_v]: the run's output, or a share's part of it
  float* row_max;         // per (batch, head, row): maximum (log2 units) and sum, for the merge; null if there is none
  float* row_sum;
  float* scratch;  // decode_scratch_floats()
};

/// Query rows that share a key/value head.
inline std::int64_t decode_rows(const Problem& p) { return p.heads_q / p.heads_kv * p.n_q; }

/// Floats of scratch for one task; whole cache lines.
std::int64_t decode_scratch_floats(const Problem& problem);

/// Runs one task on the instruction set in force.
void decode_share(const DecodeTask& task);

}  // namespace attnbench::kernels
