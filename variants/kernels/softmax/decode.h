// Decoding: exact softmax attention of few query rows to many keys, in one pass over K and V.
//
// A task is one key/value head and one split of its keys. It streams K and V once, for all the query rows that use that head (the
// query heads of the group, folded), with an online softmax per tile of keys; splits are combined by their maxima and sums. Lanes
// run along the head dimension, where the tile engine (tile_engine.h) puts queries and would leave most of them empty.
//
// Results do not depend on the number of threads: splits and tiles follow from the shape alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/softmax/score_terms.h"

namespace attnbench::kernels {

/// Whether so few query rows share a key/value head that decode() is the faster way.
bool is_decoding(const Problem& problem);

/// Computes task.output under all the problem's masks; any problem, if is_decoding() or not. Takes decode_workspace() bytes of
/// task.workspace.
void decode(const RunTask& task, const ScoreTerms& terms = {});

std::size_t decode_workspace(const Problem& problem, int threads);

}  // namespace attnbench::kernels
