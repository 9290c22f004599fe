// A variant's descriptor in words and as JSON, for `list` and `describe`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "harness/planning/variant_config.h"
#include "harness/support/json_fwd.h"

namespace attnbench {

/// What the output is judged against, in a sentence.
const char* meaning_of(Computes computes);

/// The laws a descriptor claims, each in a few words.
std::vector<std::string> law_names(std::uint32_t laws);

/// Problem features in words.
std::vector<std::string> feature_names(std::uint32_t features);

/// Default and range of a parameter: "256 (1 to 65536)", "scaled_dot_product (naive|blockwise)".
std::string default_text(const ParamSpec& spec);

/// A problem of usual size that the variant can run.
Problem example_problem(const Variant& variant);

/// The length n = n_q = n_k from which on a variant declares fewer multiply-adds than another, to 1 %; nothing where it always or
/// never does between n = 16 and 2^20.
std::optional<std::int64_t> fewer_multiply_adds_from(const VariantConfig& config, const VariantConfig& other,
                                                     const Problem& problem);

Json descriptor_json(const Variant& variant);

}  // namespace attnbench
