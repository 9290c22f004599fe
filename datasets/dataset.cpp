#include "datasets/dataset.h"

#include <utility>

#include "datasets/fills.h"

namespace attnbench {

NamedTensors Dataset::make(const Problem& problem, std::span<const InputSpec> extras, std::uint64_t seed) const {
  auto tensors = make(problem, seed);
  for (const auto& spec : extras) tensors.extras.set(spec.name, make_extra(spec, problem, seed));
  return tensors;
}

Tensor Dataset::make_extra(const InputSpec& spec, const Problem& problem, std::uint64_t seed) const {
  if (auto own = own_extra(spec, problem)) return std::move(*own);
  return make_fill(spec, seed);
}

std::optional<std::string> Dataset::fingerprint_of_own(const std::string&) const { return std::nullopt; }

std::optional<Tensor> Dataset::own_extra(const InputSpec&, const Problem&) const { return std::nullopt; }

std::optional<Problem> Dataset::holds() const { return std::nullopt; }

std::vector<std::string> Dataset::hints() const { return {}; }

std::vector<std::string> Dataset::token_labels(const Problem&, std::uint64_t) const { return {}; }

}  // namespace attnbench
