// The median, by which everything in the harness is summarized.
#pragma once

#include <vector>

namespace attnbench {

/// The middle value, or the mean of the two in the middle; of at least one value.
double median(std::vector<double> values);

}  // namespace attnbench
