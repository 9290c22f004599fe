#include "harness/planning/weights_case.h"

#include <algorithm>

namespace attnbench {

Problem weights_problem(const Problem& problem) {
  Problem small = problem;
  small.n_q = std::min(small.n_q, kWeightsTokens);
  small.n_k = std::min(small.n_k, kWeightsTokens);
  small.key_lengths.clear();
  small.mask = {};
  return small;
}

VariantConfig weights_selection(const VariantConfig& config) {
  constexpr std::int64_t kWidest = kWeightsTokens / 16;
  if (config.variant->computes != Computes::masked_softmax) return config;
  std::int64_t largest = kWidest;
  for (const auto& value : config.params.values())
    if (const auto* count = std::get_if<std::int64_t>(&value)) largest = std::max(largest, *count);

  VariantConfig small = config;
  const auto specs = config.params.specs();
  for (std::size_t i = 0; i < specs.size(); ++i) {
    const auto* count = std::get_if<std::int64_t>(&config.params.values()[i]);
    if (count == nullptr || *count <= kWidest) continue;
    const auto scaled = static_cast<std::int64_t>(static_cast<double>(*count) / static_cast<double>(largest) * kWidest);
    small.params.set(specs[i].name, std::to_string(std::max({scaled, std::int64_t{1}, static_cast<std::int64_t>(specs[i].min)})));
  }
  return small;
}

}  // namespace attnbench
