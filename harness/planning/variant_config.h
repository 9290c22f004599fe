// Variant config: one variant with its parameters, as a case runs it.
#pragma once

#include <string>

#include "variants/api/variant.h"

namespace attnbench {

struct VariantConfig {
  const Variant* variant = nullptr;
  Params params;
  std::string label() const { return attnbench::label(*variant, params); }
};

}  // namespace attnbench
