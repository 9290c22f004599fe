// Fault variants: variants that misbehave in every way the orchestrator must survive, known only to the tests and to the program
// fault_worker, which stands in for the attnbench binary there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"

namespace attnbench {

/// "steady" and "steady_too" are right; "slow" takes 20 ms; the others fail as their names say. Null for an unknown name.
const Variant* find_fault_variant(std::string_view name);

/// A small planned sweep over these variants: quick rounds of short samples on one tiny gaussian problem per sequence length.
Plan fault_plan(const std::vector<std::string>& names, const std::vector<std::int64_t>& lengths = {8});

}  // namespace attnbench
