// What the tile engine's two halves tell each other: the portable one (tile_engine.cpp: plan, workspace, threads) and the one
// compiled per instruction set (tile_block.cpp: one block of queries).
#pragma once

#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/softmax/key_pattern.h"
#include "variants/kernels/softmax/score_terms.h"

namespace attnbench::kernels {

/// Vectors of the instruction set in force and the register tile built from them.
struct TileShape {
  int lanes;    // floats per vector
  int vectors;  // vectors per panel
  int rows;     // keys (or value columns) per register tile
  int panels;   // panels that share a key tile while it is in the cache
  std::int64_t block_lanes() const { return std::int64_t{lanes} * vectors * panels; }
};

/// One block of queries: `rows` of group `group`, for `q_heads` adjacent query heads that share a key/value head. The block's lanes
/// are row-major over (row, head): lane = row_index * q_heads + head - first_head.
struct BlockTask {
  const RunTask& run;
  const KeyPattern& pattern;
  const ScoreTerms& terms;
  std::int64_t key_block;
  std::int64_t batch;
  std::int64_t first_head;
  std::int64_t q_heads;
  std::int64_t group;
  RowRange rows;
  RowRange next_rows;     // of the block that follows for the same heads, to be prefetched; none: count 0
  KeyRange keys;          // the keys this task may use: all, or one split of a split
  TensorView<float> out;  // [b, h_q, n_q, d_v]: the run's output, or a split's part of it
  float* row_max;  // per (batch, head, row): running maximum (in the units of score_units.h) and sum, for the next pass or the
                   // merge; null if there is none
  float* row_sum;
  bool resume;     // start from row_max, row_sum and the output so far
  float* scratch;  // block_scratch_floats()
  // Of a pattern with one segment: which lanes see its key t, bit l % 64 of word l / 64 of [t][lane_words()] for lane l; null: all.
  const std::uint64_t* lane_bits = nullptr;

  std::int64_t lane_words() const { return (rows.count * q_heads + 63) / 64; }
};

TileShape tile_shape();

/// Query heads that are computed together: those that share keys, as far as they fit one panel, in equal parts.
std::int64_t folded_heads(const Problem& problem, const TileShape& shape);

/// Floats of scratch for blocks of at most `lanes` query lanes.
std::int64_t block_scratch_floats(const TileShape& shape, const Problem& problem, std::int64_t lanes, std::int64_t key_block);

/// Runs one block on the instruction set in force.
void attend_block(const BlockTask& task);

}  // namespace attnbench::kernels
