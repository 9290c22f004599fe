// The tile engine: exact softmax attention over whatever keys a KeyPattern leaves, in tiles of queries x keys, on SIMD.
//
// A task is a block of query rows of one batch entry and one head group. It walks the keys in tiles: scores, online softmax,
// weighted values, each tile used while it is in the cache, so that memory is one tile per thread whatever n is. A tile that no row
// of a panel sees is skipped, one that all see runs without any mask, and only the rest is masked lane by lane.
//
// When there are few queries (decoding) the keys are split into splits as well, merged by their running maxima and sums.
//
// Results do not depend on the number of threads: tile edges are multiples of the key block counted from the start of a segment,
// and a key that a row does not see adds an exact 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "variants/api/variant.h"
#include "variants/kernels/blocking.h"
#include "variants/kernels/softmax/key_pattern.h"
#include "variants/kernels/softmax/score_terms.h"

namespace attnbench::kernels {

/// Block sizes; 0 lets the engine choose.
struct TileOptions {
  std::int64_t query_block = 0;  // query rows per task; cut to what fits the engine's panels
  std::int64_t key_block = 0;    // keys per tile, at most kMaxKeyBlock
  bool fold_heads = true;        // take query heads that share keys together, as ScoreTerms::folds_heads() allows
};

/// Patterns that one after the other make up the softmax; together they must not give a row the same key twice.
using Passes = std::span<const KeyPattern* const>;

/// Computes task.output under the problem's masks and the patterns. Takes tile_workspace() bytes of task.workspace. Sinks and
/// pointwise functions want a single pass.
void attend(const RunTask& task, Passes passes, const TileOptions& options = {}, const ScoreTerms& terms = {});

/// What attend() does: exact counts of pairs, multiply-adds and exponentials; bytes moved at the least, with the state that each
/// pass hands over to the next.
Cost pattern_cost(const Problem& problem, Passes passes);

/// Bytes attend() takes on the instruction set in force.
std::size_t tile_workspace(const Problem& problem, Passes passes, int threads, const TileOptions& options = {});

// The same for one pattern that is all of the softmax.

inline void attend(const RunTask& task, const KeyPattern& pattern, const TileOptions& options = {}, const ScoreTerms& terms = {}) {
  const KeyPattern* passes[] = {&pattern};
  attend(task, passes, options, terms);
}

inline Cost pattern_cost(const Problem& problem, const KeyPattern& pattern) {
  const KeyPattern* passes[] = {&pattern};
  return pattern_cost(problem, passes);
}

inline std::size_t tile_workspace(const Problem& problem, const KeyPattern& pattern, int threads, const TileOptions& options = {}) {
  const KeyPattern* passes[] = {&pattern};
  return tile_workspace(problem, passes, threads, options);
}

}  // namespace attnbench::kernels
