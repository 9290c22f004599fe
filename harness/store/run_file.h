// Run file: run.json, what a run is: plan, variants, environment, binary and machine; and whether another start is the same run.
#pragma once

#include "harness/json.h"
#include "harness/run/orchestrator.h"

namespace attnbench {

/// run.json of a run that starts now, as harness/schema/run.schema.json describes it.
Json describe_run(const Plan& plan, const RunOptions& options);

/// Throws UserError when `stored` and `current` differ in plan, binary or machine: records of the two must not stand in one file.
void require_same_run(const Json& stored, const Json& current, const std::string& directory);

}  // namespace attnbench
