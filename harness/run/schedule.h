// Schedule: in which order the work of a plan is done, and how long each piece should take.
#pragma once

#include <functional>
#include <vector>

#include "harness/planning/plan.h"
#include "harness/run/job.h"

namespace attnbench {

/// Cases that share dataset, problem and threads, and so their inputs.
using Group = std::vector<const Case*>;

/// The cases of a plan by group, in plan order: the planned ones, and those skipped for a prediction that may yet change.
std::vector<Group> groups_of(const Plan& plan);

/// A group in the order of one round. The seed and the shape shuffle the cases once; then the rounds go through the rows of a
/// Williams square (E. J. Williams 1949, Australian Journal of Scientific Research A 2, 149-168): over as many rounds as there are
/// cases each stands at each place once, and over as many rounds (twice as many for an odd number of cases) each comes after each
/// other equally often, so that nobody always runs in the same neighbour's heat.
Group round_order(Group group, std::uint64_t seed, int round);

/// One case per dataset and selected variant: the small problem whose attention matrix is drawn. `wanted` picks the cases to draw.
std::vector<Case> weights_cases(const Plan& plan, const std::function<bool(const Case&)>& wanted);

/// What a job should take, process start included; for the ETA.
double predicted_job_seconds(JobKind kind, const Case& point, const Sampling& sampling);

}  // namespace attnbench
