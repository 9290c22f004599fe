// Key lists made inside the timed run: some query rows, named one by one, against some keys, named one by one, on the kernels of
// the tile engine. A variant that selects keys from Q and K keeps its lists in the workspace and calls this block by block.
//
// A row's softmax may be put together from several blocks: its output, maximum and sum wait in memory between them. Whoever calls
// keeps two tasks from working on one row at once, and gives a row no key twice.
#pragma once

#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/softmax/key_pattern.h"

namespace attnbench::kernels {

struct ListedBlock {
  const RunTask& run;  // its problem's own masks hold too
  std::int64_t batch;
  std::int64_t first_head, q_heads;  // adjacent query heads that share a key/value head and the lists
  RowRange rows;
  KeySegment keys;
  TensorView<float> out;     // [b, h_q, n_q, d_v]
  float *row_max, *row_sum;  // [b][h_q][n_q]; null where a row's softmax is this block alone
  bool resume;               // go on from what they and `out` hold
  float* scratch;            // listed_scratch_floats()
  /// Which rows see which keys: lane l = row index * q_heads + head is bit l % 64 of word l / 64 of [key][ceil(lanes / 64)]; null:
  /// all see all. Then the rows must fit max_listed_rows().
  const std::uint64_t* lane_bits = nullptr;
  RowRange next_rows{};  // of the block that comes next, to be prefetched
};

/// Rows that are computed together; more are cut into blocks of so many.
std::int64_t max_listed_rows(std::int64_t q_heads);

/// Floats of scratch, per thread.
std::int64_t listed_scratch_floats(const Problem& problem);

/// Query heads that share a key/value head and are best computed together.
std::int64_t listed_heads(const Problem& problem);

void attend_listed(const ListedBlock& block);

}  // namespace attnbench::kernels
