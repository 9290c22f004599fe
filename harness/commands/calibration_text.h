// A calibration as tables for the terminal.
#pragma once

#include <string>

#include "harness/measure/calibration.h"

namespace attnbench {

/// Multiply-add, sgemm and bandwidth ceilings, one column per thread count, each with its unit and the spread of the tries.
std::string calibration_text(const Calibration& calibration);

}  // namespace attnbench
