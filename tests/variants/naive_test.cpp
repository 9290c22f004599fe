// naive: what the registry-wide contract cannot say about the baseline.
#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {
namespace {

TEST_CASE("naive stores the whole weight matrix of every head, as its label says") {
  Call call("naive", "b2 h3 n64:32 d8");
  CHECK(declared_workspace(call.variant, call.problem, call.params, 1) == 2 * 3 * 64 * 32 * sizeof(float));
}

TEST_CASE("naive counts a multiply-add per pair and column, an exponential per pair, and a tanh where there is a softcap") {
  const Params none;
  const auto cost = [&](const char* text) { return find_variant("naive")->cost(parse_problem(text), none); };
  CHECK(cost("n10 d4:6").multiply_adds == 10 * 10 * (4 + 6));
  CHECK(cost("n10 d4 causal").pairs == 55);
  CHECK(cost("n10 d4 causal").exps == 55);
  CHECK(cost("n10 d4 causal softcap=3").exps == 110);
}

TEST_CASE("naive survives scores far beyond the range of exp") {
  Call call("naive", "n40 d4 scale=10000");
  const auto a = random_arrays(call.problem);
  const auto inputs = a.inputs(call.problem);
  CHECK(relative_rms(call.run(inputs), call.reference(inputs)) < 1e-3);  // scores near 1e4 carry 1e-3 of rounding
}

}  // namespace
}  // namespace attnbench::testing
