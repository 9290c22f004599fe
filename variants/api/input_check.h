// Whether the extra inputs that a variant declares are inputs: asked of plugins when they declare, and by the contract of all.
#pragma once

#include <span>
#include <string>

#include "variants/api/inputs.h"

namespace attnbench {

/// The first thing wrong: a name that is none, q, k, v or mask, or declared twice; an axis below 1; an element type other than f32;
/// a number of a fill that is not finite. "" when all is well.
std::string fault_of(std::span<const InputSpec> extras);

}  // namespace attnbench
