#include "harness/planning/pricing.h"

#include <fmt/format.h>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

void skip(Case& bench_case, std::string reason) {
  bench_case.status = CaseStatus::skipped;
  bench_case.reasons.push_back(std::move(reason));
}

void skip_for_memory(Case& bench_case, double needed, double budget) {
  skip(bench_case, "predicted to need " + bytes_text(needed) + " of memory, more than the budget of " + bytes_text(budget) +
                       "; raise it with --memory-budget");
}

void compare_with_budgets(Case& bench_case, const Plan& plan) {
  const auto& [seconds, bytes, rates, start_seconds] = bench_case.prediction;
  if (bytes > plan.memory_budget_bytes) skip_for_memory(bench_case, bytes, plan.memory_budget_bytes);
  if (plan.max_call_seconds && seconds > *plan.max_call_seconds)
    skip(bench_case,
         fmt::format("one call is predicted to take {}, more than max_call_seconds = {:g}; raise it with --max-call-seconds",
                     seconds_text(seconds), *plan.max_call_seconds));
  // Built-in rates err on the slow side: they are no reason to give up a case.
  if (rates == RateSource::fitted && seconds > plan.sampling.timeout_seconds)
    skip(bench_case,
         fmt::format("one call is predicted to take {}, more than a worker may take in all; raise timeout_seconds = {:g} in "
                     "a plan file",
                     seconds_text(seconds), plan.sampling.timeout_seconds));
}

// Bytes of q, k, v and the output, before anything of the variant is asked: its own functions may count row by row.
double least_bytes(const Problem& p) {
  return 4.0 * (static_cast<double>(p.batch) * p.heads_q * p.n_q + static_cast<double>(p.batch) * p.heads_kv * p.n_k) *
         (p.d_qk + p.d_v);
}

}  // namespace

void price(Case& bench_case, const Plan& plan, const FittedModel& model) {
  const auto& variant = *bench_case.config.variant;
  const double least = least_bytes(bench_case.problem());
  if (least > plan.memory_budget_bytes) return skip_for_memory(bench_case, least, plan.memory_budget_bytes);
  if (const auto reason = too_many_threads(bench_case.threads()); !reason.empty()) return skip(bench_case, reason);
  if (variant.unavailable) return skip(bench_case, std::string(variant.name) + " is not available here: " + variant.unavailable);
  bench_case.reasons = unsupported_reasons(variant, bench_case.problem(), bench_case.config.params);
  if (!bench_case.reasons.empty()) {
    bench_case.status = CaseStatus::unsupported;
    return;
  }
  if (plan.sampling.cache == CacheMode::cold && variant.time_calls)
    return skip(bench_case,
                std::string(variant.name) + " times its own calls, so its inputs cannot take turns; measure it with --cache hot");
  bench_case.cost = declared_cost(bench_case);
  bench_case.prior = predict(bench_case, plan.sampling.cache);
  bench_case.prediction = model.predict(bench_case);
  compare_with_budgets(bench_case, plan);
}

bool is_priced(const Case& bench_case) { return bench_case.prior.seconds > 0; }

void reprice(Case& bench_case, const Plan& plan, const FittedModel& model) {
  if (!is_priced(bench_case)) return;
  bench_case.status = CaseStatus::planned;
  bench_case.reasons.clear();
  bench_case.prediction = model.predict(bench_case);
  compare_with_budgets(bench_case, plan);
}

}  // namespace attnbench
