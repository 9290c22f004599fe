// If these fail, a variant computes something else than it says, writes where it must not, or declares what is not so. Every
// variant in the registry is held to the contract (harness/contract/check.h), with no edit here when a file is added.
#include "harness/contract/check.h"
#include "tests/catch.h"
#include "variants/api/registry.h"
#include "variants/kernels/simd/isa.h"

using namespace attnbench;
using namespace attnbench::contract;

namespace {

void hold_all(void (*check)(const Variant&, Findings&)) {
  for (const auto* variant : builtin_variants()) {
    DYNAMIC_SECTION(variant->name) {
      Findings findings;
      check(*variant, findings);
      for (const auto& line : findings.lines()) FAIL_CHECK(line);
      CHECK(findings.count() == 0);
    }
  }
}

}  // namespace

TEST_CASE("descriptors are complete and consistent") { hold_all(check_descriptor); }
TEST_CASE("parameters have unique names, defaults in range and words for help") { hold_all(check_parameters); }
TEST_CASE("every feature is supported or refused by name, and nothing else") { hold_all(check_refusals); }
TEST_CASE("declared cost is finite, positive and covers the compulsory traffic") { hold_all(check_cost_sane); }
TEST_CASE("declared pairs are those that masks and pattern leave") { hold_all(check_pairs); }
TEST_CASE("cost and workspace grow with n as the labels say") { hold_all(check_growth); }
TEST_CASE("every variant matches its float64 oracle on odd shapes and all masks it supports") { hold_all(check_oracle); }
TEST_CASE("every variant matches its float64 oracle on the other instruction sets too") {
  const auto isas = kernels::available_isas();
  for (std::size_t i = 1; i < isas.size(); ++i) {  // all test cases run on the first, the best
    DYNAMIC_SECTION(isas[i]) {
      kernels::force_isa(isas[i]);
      hold_all(check_oracle);
      kernels::force_isa("");
    }
  }
}
TEST_CASE("every variant matches its oracle with other parameters") { hold_all(check_oracle_params); }
TEST_CASE("every variant is right on any number of threads") { hold_all(check_threads); }
TEST_CASE("strides of inputs and output are honoured") { hold_all(check_strides); }
TEST_CASE("NaN and infinity in keys and values never reach a row that does not see them") { hold_all(check_nan_policy); }
TEST_CASE("an additive mask of the most negative float hides a key as minus infinity does") { hold_all(check_lowest_mask); }
TEST_CASE("batch entries do not influence each other") { hold_all(check_batch); }
TEST_CASE("heads that share no keys do not influence each other") { hold_all(check_heads); }
TEST_CASE("permuting keys and values together changes nothing") { hold_all(check_permutation); }
TEST_CASE("values of one give one on every row that sees a key, and zero on the others") { hold_all(check_row_sums); }
TEST_CASE("adding a constant to all scores changes nothing") { hold_all(check_score_shift); }
TEST_CASE("causal: changing the future leaves the past bit for bit") { hold_all(check_causality); }
TEST_CASE("one thread and several agree, and the same count twice agrees bit for bit") { hold_all(check_determinism); }
TEST_CASE("the applied weights can be read off by feeding the identity as values") { hold_all(check_readable_weights); }
TEST_CASE("declared pairs are the nonzero weights the variant applies") { hold_all(check_weights_counted); }
TEST_CASE("the declared workspace is what is taken, within a factor of two") { hold_all(check_workspace); }
TEST_CASE("calls leave the floating-point environment as it was") { hold_all(check_float_environment); }
TEST_CASE("run allocates nothing on the heap") { hold_all(check_heap); }

TEST_CASE("no check is left out here") { CHECK(contract_checks().size() == 24); }
