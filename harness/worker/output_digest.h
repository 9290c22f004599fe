// Output digest: the bits of an output as one number, so that the output of a timed call can be held against the one that was
// verified in another process without keeping either.
#pragma once

#include <string>

#include "variants/api/tensor.h"

namespace attnbench {

/// Sixteen hexadecimal digits; equal for equal shapes and bits, whatever the strides.
std::string output_digest(const TensorRef& output);

}  // namespace attnbench
