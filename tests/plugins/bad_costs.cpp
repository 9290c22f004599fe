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
}  // namespace attnbench

ATTNBENCH_VARIANT(costs_nan) = attnbench::exact::variant("costs_nan", attnbench::run, attnbench::nan_cost);
ATTNBENCH_VARIANT(costs_infinity) = attnbench::exact::variant("costs_infinity", attnbench::run, attnbench::infinite_cost);
ATTNBENCH_VARIANT(costs_less_than_nothing) = attnbench::exact::variant("costs_less_than_nothing", attnbench::run,
                                                                       attnbench::negative_cost);
