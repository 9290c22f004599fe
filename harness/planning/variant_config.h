// Variant config: one variant with its parameters, as a case runs it.
#pragma once

#include <string>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

struct VariantConfig {
  const Variant* variant = nullptr;
  Params params;
  std::string label() const { return attnbench::label(*variant, params); }
  /// The extra inputs that it declares for a problem.
  std::vector<InputSpec> extras(const Problem& problem) const { return extras_of(*variant, problem, params); }
};

}  // namespace attnbench
