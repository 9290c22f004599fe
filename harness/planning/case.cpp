#include "harness/planning/case.h"

namespace attnbench {

std::string Case::key() const { return dataset + "|" + to_string(problem) + "|" + config.label() + "|t" + std::to_string(threads); }

}  // namespace attnbench
