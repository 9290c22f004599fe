// Exact attention whose declared cost is no amount of work.
#include "tests/plugins/exact_attention.h"

namespace attnbench {
namespace {

Cost changed(const Problem& p, double Cost::*number, double value) {
  auto cost = exact::cost(p, {});
  cost.*number = value;
  return cost;
}

void run(const RunTask& task) { exact::attend(task); }

Cost nan_cost(const Problem& p, const Params&) { return changed(p, &Cost::multiply_adds, std::nan("")); }
Cost infinite_cost(const Problem& p, const Params&) { return changed(p, &Cost::bytes, HUGE_VAL); }
Cost negative_cost(const Problem& p, const Params&) { return changed(p, &Cost::exps, -1); }

}  // namespace

ATTNBENCH_VARIANT(costs_nan) = exact::variant("costs_nan", run, nan_cost);
ATTNBENCH_VARIANT(costs_infinity) = exact::variant("costs_infinity", run, infinite_cost);
ATTNBENCH_VARIANT(costs_less_than_nothing) = exact::variant("costs_less_than_nothing", run, negative_cost);

}  // namespace attnbench
