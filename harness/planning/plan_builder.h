// Plan builder: from the text of a plan to its cases. Axes x variants x datasets are expanded, checked against what each variant
// supports, priced by the cost model, and skipped, with the reason, where they would take too much time or memory.
#pragma once

#include "harness/planning/fitted_model.h"
#include "harness/planning/plan_file.h"

namespace attnbench {

struct Plan;

/// Loads the spec's plugins and resolves it. Throws UserError: an unknown variant, dataset, axis or value, an impossible problem,
/// too many cases, a plugin that is invalid or that the user has not allowed (harness/plugins/trust.h).
Plan build_plan(const PlanSpec& spec, const FittedModel& model = {});

/// Threads this process may run on (its CPU affinity).
int usable_threads();

/// Why so many threads are not measured here, empty when they are: beyond a few for each core, times are the scheduler's.
std::string too_many_threads(int threads);

}  // namespace attnbench
