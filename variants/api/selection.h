// What float64 references of variants that select keys share: which scores are the largest, and whether float32 can tell.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

struct Largest {
  std::vector<std::int64_t> places;  // ascending
  bool undecided = false;            // one that is in and one that is out differ, but by less than float32 may see (kUndecided)
};

/// Places of the `keep` largest scores, fewer if there are fewer; of equal ones the first. Scores of -inf are never taken.
Largest largest(std::span<const double> scores, std::int64_t keep);

/// a . b in float64.
double exact_dot(const float* a, const float* b, std::int64_t d);

/// Marks query row i, which is one of task.rows, undecided.
void mark_row(const OracleTask& task, std::int64_t b, std::int64_t h, std::int64_t i);

}  // namespace attnbench
