// If these fail, a variant computes something else than it says, writes where it must not, or declares what is not so. Every
// variant in the registry is held to the contract (harness/contract/check.h), with no edit here when a file or a check is added.
#include "tests/variants/contract_test.h"

#include "harness/contract/check.h"
#include "harness/measure/allocation_counter.h"
#include "tests/catch.h"
#include "variants/api/registry.h"
#include "variants/kernels/simd/isa.h"

using namespace attnbench;
using namespace attnbench::contract;

namespace {

void hold(const Check& check, const char* name) {
  const auto* variant = find_variant(name);
  REQUIRE(variant != nullptr);
  INFO(check.says);
  Findings findings;
  check.run(*variant, findings);
  for (const auto& line : findings.lines()) FAIL_CHECK(line);
  CHECK(findings.count() == 0);
}

}  // namespace

void hold_to_contract(const char* variant) {
  for (const auto& check : contract_checks()) DYNAMIC_SECTION(check.name) {
      hold(check, variant);
    }
}

void hold_to_oracle_on_other_isas(const char* variant) {
  const auto isas = kernels::available_isas();
  for (std::size_t i = 1; i < isas.size(); ++i) {  // the first is the best, and everything else runs on it
    DYNAMIC_SECTION(isas[i]) {
      kernels::force_isa(isas[i]);
      hold(*find_check("oracle"), variant);
      kernels::force_isa("");
    }
  }
}

TEST_CASE("the heap is counted here, or the check of allocations would look at nothing") {
#ifdef ATTNBENCH_SANITIZED
  CHECK_FALSE(heap_is_counted());  // and it does
#else
  CHECK(heap_is_counted());
#endif
}
