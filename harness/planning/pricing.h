// Pricing: what a case is predicted to take, and whether that is within the budgets of its plan.
#pragma once

namespace attnbench {

class FittedModel;
struct Case;
struct Plan;

/// Gives a case its prior, its prediction and its status: unsupported, or skipped for what it needs, with the reasons.
void price(Case& bench_case, const Plan& plan, const FittedModel& model);

/// Whether only the budgets decide on this case, so that reprice() may change its mind.
bool is_priced(const Case& bench_case);

/// The same question again with a model that has learned: a case may now be skipped that was planned, and the other way round.
void reprice(Case& bench_case, const Plan& plan, const FittedModel& model);

}  // namespace attnbench
