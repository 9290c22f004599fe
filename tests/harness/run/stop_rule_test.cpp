// If these fail, cases are measured too rarely to give an interval, or for ever.
#include "harness/run/stop_rule.h"

#include <cmath>

#include "tests/catch.h"

using namespace attnbench;

namespace {

Sampling ten_rounds() { return sampling_for(Profile::standard); }

}  // namespace

TEST_CASE("below six process medians there is no 95 % interval") {
  CHECK(std::isinf(relative_half_width({})));
  CHECK(std::isinf(relative_half_width({1, 1, 1, 1, 1})));
  CHECK(relative_half_width({1, 1, 1, 1, 1, 1}) == 0);
}

// Ranks of the narrowest symmetric order-statistic interval for the median with 95 %: standard tables (for instance Conover 1999,
// A3).
TEST_CASE("the interval takes the ranks of the tables") {
  CHECK(relative_half_width({1, 2, 3, 4, 5, 6, 7, 8}) == Approx(3.5 / 4.5));         // 1 to 8
  CHECK(relative_half_width({9, 8, 7, 6, 5, 4, 3, 2, 1}) == Approx(3.0 / 5));        // 2 to 8
  CHECK(relative_half_width({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) == Approx(3.5 / 5.5));  // 2 to 9
  std::vector<double> twenty;
  for (int i = 1; i <= 20; ++i) twenty.push_back(i);
  CHECK(relative_half_width(twenty) == Approx(4.5 / 10.5));  // 6 to 15
}

TEST_CASE("rounds go on to the planned number while the medians scatter") {
  const std::vector<double> scattered{1, 2, 3, 1, 2, 3, 1};
  CHECK(another_round_due({}, ten_rounds()));
  CHECK(another_round_due({.rounds = 7, .seconds = 1, .medians = scattered}, ten_rounds()));
  CHECK_FALSE(another_round_due({.rounds = 10, .seconds = 1, .medians = scattered}, ten_rounds()));
}

TEST_CASE("rounds stop when the medians agree within 2 %, a round has failed, or the cap is used up") {
  const std::vector<double> close{1, 1.01, 0.99, 1, 1.005, 0.995};
  CHECK_FALSE(another_round_due({.rounds = 6, .seconds = 1, .medians = close}, ten_rounds()));
  CHECK_FALSE(another_round_due({.rounds = 2, .seconds = 1, .medians = {1}, .failed = true}, ten_rounds()));
  CHECK_FALSE(another_round_due({.rounds = 1, .seconds = 60, .medians = {1}}, ten_rounds()));
  CHECK(another_round_due({.rounds = 1, .seconds = 59, .medians = {1}}, ten_rounds()));
}
