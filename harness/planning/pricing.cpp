#include "harness/planning/pricing.h"

#include <fmt/format.h>

#include "harness/planning/cost_model.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_builder.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

void skip(Case& one, std::string reason) {
  one.status = CaseStatus::skipped;
  one.reasons.push_back(std::move(reason));
}

void skip_for_memory(Case& one, double needed, double budget) {
  skip(one, "predicted to need " + bytes_text(needed) + " of memory, more than the budget of " + bytes_text(budget) +
                "; raise it with --memory-budget");
}

void compare_with_budgets(Case& one, const Plan& plan) {
  const auto& [seconds, bytes, rates, start_seconds] = one.prediction;
  if (bytes > plan.memory_budget_bytes) skip_for_memory(one, bytes, plan.memory_budget_bytes);
  if (plan.max_call_seconds && seconds > *plan.max_call_seconds)
    skip(one, fmt::format("one call is predicted to take {}, more than max_call_seconds = {:g}; raise it with --max-call-seconds",
                          seconds_text(seconds), *plan.max_call_seconds));
  // Built-in rates err on the slow side: they are no reason to give up a case.
  if (rates == RateSource::fitted && seconds > plan.sampling.timeout_seconds)
    skip(one, fmt::format("one call is predicted to take {}, more than a worker may take in all; raise timeout_seconds = {:g} in "
                          "a plan file",
                          seconds_text(seconds), plan.sampling.timeout_seconds));
}

// Bytes of q, k, v and the output, before anything of the variant is asked: its own functions may count row by row.
double least_bytes(const Problem& p) {
  return 4.0 * (static_cast<double>(p.batch) * p.heads_q * p.n_q + static_cast<double>(p.batch) * p.heads_kv * p.n_k) *
         (p.d_qk + p.d_v);
}

}  // namespace

void price(Case& one, const Plan& plan, const FittedModel& model) {
  const auto& variant = *one.config.variant;
  const double least = least_bytes(one.problem);
  if (least > plan.memory_budget_bytes) return skip_for_memory(one, least, plan.memory_budget_bytes);
  if (const auto reason = too_many_threads(one.threads); !reason.empty()) return skip(one, reason);
  if (variant.unavailable) return skip(one, std::string(variant.name) + " is not available here: " + variant.unavailable);
  one.reasons = unsupported_reasons(variant, one.problem, one.config.params);
  if (!one.reasons.empty()) {
    one.status = CaseStatus::unsupported;
    return;
  }
  if (plan.sampling.cache == CacheMode::cold && variant.time_calls)
    return skip(one,
                std::string(variant.name) + " times its own calls, so its inputs cannot take turns; measure it with --cache hot");
  one.prior = predict(one.config, one.problem, one.threads, plan.sampling.cache);
  one.prediction = model.predict(one);
  compare_with_budgets(one, plan);
}

bool is_priced(const Case& one) { return one.prior.seconds > 0; }

void reprice(Case& one, const Plan& plan, const FittedModel& model) {
  if (!is_priced(one)) return;
  one.status = CaseStatus::planned;
  one.reasons.clear();
  one.prediction = model.predict(one);
  compare_with_budgets(one, plan);
}

}  // namespace attnbench
