// A variant's descriptor in words and as JSON, for `list` and `describe`.
#pragma once

#include <string>
#include <vector>

#include "harness/support/json_fwd.h"
#include "variants/api/variant.h"

namespace attnbench {

/// What the output is judged against, in a sentence.
const char* meaning_of(Computes computes);

/// The laws a descriptor claims, each in a few words.
std::vector<std::string> law_names(std::uint32_t laws);

/// Problem features in words.
std::vector<std::string> feature_names(std::uint32_t features);

/// Default and range of a parameter: "256 (1 to 65536)", "scaled_dot_product (naive|blockwise)".
std::string default_text(const ParamSpec& spec);

Json descriptor_json(const Variant& variant);

}  // namespace attnbench
