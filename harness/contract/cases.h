// Cases: the problems and parameters that the contract tries every variant on.
#pragma once

#include <span>
#include <vector>

#include "harness/planning/variant_config.h"

namespace attnbench::contract {

constexpr std::uint64_t kSeed = 7;

/// Always, but for long problems under sanitizers.
bool is_short_enough(const Problem& problem);

/// The odd shapes and mask combinations of the contract, short ones only under sanitizers.
std::span<const Problem> contract_problems();

/// Those that the selection supports.
std::vector<Problem> supported_problems(const VariantConfig& config);

/// The variant with its default parameters.
VariantConfig defaults(const Variant& variant);

/// Non-default selections made from the declared ranges: everything at its smallest, at the square root of its default (a pattern
/// that bites at the lengths above), at twice its default, and every other word of a choice.
std::vector<VariantConfig> other_selections(const Variant& variant);

/// defaults() and other_selections().
std::vector<VariantConfig> all_selections(const Variant& variant);

/// The problem with each of these features, those that it has already as they are. Feature bits.
Problem with_features(Problem problem, std::uint32_t features);

/// The problem with the features that the variant needs (causal, for a recurrence).
Problem fitting(const Variant& variant, Problem problem);

bool supports(const VariantConfig& config, const Problem& problem);

/// random_inputs() of the problem, and the extra inputs that the selection declares, filled as it says.
NamedTensors random_inputs(const VariantConfig& config, const Problem& problem, std::uint32_t seed = 1);

}  // namespace attnbench::contract
