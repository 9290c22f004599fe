#include "datasets/dataset.h"

namespace attnbench {

Inputs InputTensors::inputs(const Problem& problem) const {
  Inputs in{.q = q.ref(), .k = k.ref(), .v = v.ref(), .mask = {}};
  if (!mask.empty()) in.mask = broadcast(mask.ref(), problem.batch, problem.heads_q);
  return in;
}

std::optional<Problem> Dataset::holds() const { return std::nullopt; }

std::vector<std::string> Dataset::hints() const { return {}; }

std::vector<std::string> Dataset::token_labels(const Problem&, std::uint64_t) const { return {}; }

}  // namespace attnbench
