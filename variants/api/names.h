// What the bits of a descriptor are called: its laws, and the features of problems.
#pragma once

#include <string>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

struct LawName {
  Law bit;
  const char* name;
};

inline constexpr LawName kLawNames[] = {
    {kRowStochastic, "row_stochastic"},    {kKeyPermutation, "key_permutation"},   {kIndependentHeads, "independent_heads"},
    {kScoreShift, "score_shift"},          {kWeightsReadable, "weights_readable"}, {kCausalToRounding, "causal_to_rounding"},
    {kConstantRowSum, "constant_row_sum"}, {kScaleInvariance, "scale_invariance"},
};

struct FeatureName {
  Feature bit;
  const char* name;
  const char* in_words;  // where a variant does not support it
};

inline constexpr FeatureName kFeatureNames[] = {
    {kGqa, "gqa", "fewer key/value heads than query heads (GQA)"},
    {kCross, "n_q != n_k", "n_q different from n_k"},
    {kUnequalDims, "d_v != d_qk", "d_v different from d_qk"},
    {kCausal, "causal", "a causal mask"},
    {kWindow, "window", "a sliding window in the problem"},
    {kKeyLengths, "key lengths", "key lengths"},
    {kBooleanMask, "boolean mask", "a dense boolean mask"},
    {kAdditiveMask, "additive mask", "a dense additive mask"},
    {kScale, "scale", "an explicit scale"},
    {kSoftcap, "softcap", "softcap"},
    {kBf16, "bf16", "bf16"},
    {kF16, "f16", "f16"},
    {kF64, "f64", "f64"},
};

/// The names of those bits that are set, in the order of the table.
std::vector<std::string> names_of(const auto& table, std::uint32_t bits) {
  std::vector<std::string> names;
  for (const auto& entry : table)
    if (bits & entry.bit) names.emplace_back(entry.name);
  return names;
}

}  // namespace attnbench
