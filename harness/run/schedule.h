// Schedule: in which order the work of a plan is done, and how long each piece should take.
#pragma once

#include <functional>
#include <vector>

#include "harness/protocol/job.h"

namespace attnbench {

struct Case;
struct Plan;

/// Cases of one group of the plan.
using Cases = std::vector<const Case*>;

/// The groups (indices from 0 to count - 1) in the order in which one round visits them. The first round keeps the order of the
/// plan, because what it measures on small problems decides whether larger ones are run at all. Every later round has a seeded
/// random order of its own: a slow minute or a drift then falls on other sizes in every round instead of bending the curve at one.
std::vector<std::size_t> group_order(std::size_t count, std::uint64_t seed, int round);

/// Which groups keep their inputs on disk from the first round to the last, and what that takes. The inputs of the others are made
/// again in every round.
struct KeptInputs {
  std::vector<bool> kept;  // by group
  double bytes = 0;        // of all that is on disk at once: what is kept, and the largest of what is not
};
KeptInputs keep_inputs(const std::vector<Cases>& groups, double budget_bytes);

/// Seconds of the whole plan: its cases, and their inputs as often as they are made.
double predicted_run_seconds(const Plan& plan, const KeptInputs& inputs);

/// The cases of a plan by group, in plan order: the planned ones, and those skipped for a prediction that may yet change.
std::vector<Cases> groups_of(const Plan& plan);

/// The extra inputs that the variants of a group declare, each spec once.
std::vector<InputSpec> extras_of(const Cases& group);

/// A group in the order of one round. The seed and the shape shuffle the cases once; then the rounds go through the rows of a
/// Williams square (E. J. Williams 1949, Australian Journal of Scientific Research A 2, 149-168): over as many rounds as there are
/// cases each stands at each place once, and over as many rounds (twice as many for an odd number of cases) each comes after each
/// other equally often, so that none always runs right after the same neighbour.
Cases round_order(Cases group, std::uint64_t seed, int round);

/// One case per dataset and selected variant: the small problem whose attention matrix is drawn. `wanted` picks the cases to draw.
std::vector<Case> weights_cases(const Plan& plan, const std::function<bool(const Case&)>& wanted);

/// What a job should take, process start included; for the ETA.
double predicted_job_seconds(JobKind kind, const Case& bench_case, const Sampling& sampling);

}  // namespace attnbench
