#include "harness/contract/check.h"

namespace attnbench::contract {
namespace {

constexpr Check kChecks[] = {
    {"descriptor", "the descriptor is complete and consistent", &check_descriptor},
    {"parameters", "parameters have unique names, defaults in range and words for help", &check_parameters},
    {"refusals", "every problem feature is supported or refused by name, and nothing else", &check_refusals},
    {"cost", "the declared cost is finite, not negative and covers the compulsory traffic", &check_cost_sane},
    {"pairs", "declared (query, key) pairs are those that masks and pattern leave, counted one by one", &check_pairs},
    {"growth", "cost and workspace grow with n as the labels say", &check_growth},
    {"oracle", "the output matches the float64 oracle on odd shapes and all masks supported; guard bytes are intact",
     &check_oracle},
    {"oracle_params", "the same with other parameters", &check_oracle_params},
    {"threads", "the same on 1, 3 and 8 threads", &check_threads},
    {"strides", "strides of inputs and output are honoured", &check_strides},
    {"extras", "every extra input declared changes the output, and none that is not declared does", &check_extras},
    {"nan_policy", "NaN and infinity in keys and values never reach a row that does not see them", &check_nan_policy},
    {"lowest_mask", "an additive mask of the most negative float hides a key as minus infinity does", &check_lowest_mask},
    {"batch", "batch entries do not influence each other", &check_batch},
    {"heads", "heads that share no keys do not influence each other", &check_heads},
    {"permutation", "permuting keys and values together changes nothing", &check_permutation},
    {"row_sums", "values of one give one, or one constant, on every row that sees a key, and zero on the others", &check_row_sums},
    {"scale_invariance", "longer and shorter queries and keys change nothing", &check_scale_invariance},
    {"score_shift", "adding a constant to all scores changes nothing", &check_score_shift},
    {"causality", "changing the future leaves the past bit for bit", &check_causality},
    {"determinism", "one thread and several agree, and the same count twice agrees bit for bit", &check_determinism},
    {"readable_weights", "feeding the identity as values reads off the weights applied", &check_readable_weights},
    {"weights_counted", "declared pairs are the nonzero weights applied", &check_weights_counted},
    {"workspace", "the workspace declared is what is taken, within a factor of two", &check_workspace},
    {"float_environment", "loading and calling it leave rounding, flush-to-zero and traps of the process as they were",
     &check_float_environment, true},
    {"heap", "run() allocates nothing on the heap", &check_heap, true},
};

}  // namespace

std::span<const Check> contract_checks() { return kChecks; }

const Check* find_check(std::string_view name) {
  for (const auto& check : kChecks)
    if (name == check.name) return &check;
  return nullptr;
}

}  // namespace attnbench::contract
