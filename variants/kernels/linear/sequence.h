// The positions of a causal problem, which a recurrence goes through in order: key j is at position j, query row i at
// problem.position(i), and a row sees the keys up to its own position.
#pragma once

#include <cstdint>

#include "variants/api/variant.h"
#include "variants/kernels/linear/linear_recurrence.h"

namespace attnbench::kernels {

/// Positions up to that of the last row; no row sees what comes after them.
std::int64_t position_count(const Problem& problem);

/// A key/value head and the columns of its values that one task works on.
struct HeadColumns {
  std::int64_t b, kv, first_column;
};

/// `count` positions from `begin` on: with their keys, with the rows of all query heads of the group, or with both.
Positions positions_at(const RunTask& task, HeadColumns head, std::int64_t begin, std::int64_t count, bool keys, bool rows);

/// Zeroes the rows before the first key's position, which see nothing (bottom-right with n_q > n_k).
void clear_fully_masked_rows(const RunTask& task);

}  // namespace attnbench::kernels
