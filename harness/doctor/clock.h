// Clock: whether the clock that samples are read from is fine enough and never goes backwards.
#pragma once

#include <cstdint>
#include <vector>

#include "harness/doctor/check.h"

namespace attnbench {

struct ClockFacts {
  double resolution_s = 0;
  std::int64_t backward_steps = 0;  // readings earlier than one that another or the same thread had made before
  std::int64_t readings = 0;
};

/// Reads the clock on two threads that watch each other, for some tens of milliseconds.
ClockFacts read_clock();

std::vector<Check> judge_clock(const ClockFacts& facts);

}  // namespace attnbench
