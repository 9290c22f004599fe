// If these fail, cases are measured too rarely to give an interval, or for ever.
#include "harness/run/stop_rule.h"

#include <cmath>
#include <functional>
#include <random>

#include "tests/catch.h"

using namespace attnbench;

namespace {

Sampling ten_rounds() { return sampling_for(Profile::standard); }

// Process medians of a made-up machine, round by round.
using Machine = std::function<double(int round, double normal)>;

// Share of `cases` simulated cases of 20 rounds that stop for the plateau before the end.
double stopped_early(const Machine& machine, int cases = 1000) {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  int stopped = 0;
  for (int one = 0; one < cases; ++one) {
    std::vector<double> medians;
    bool early = false;
    for (int round = 0; round < 19; ++round) {
      medians.push_back(machine(round, normal(random)));
      early = early || has_stopped_shrinking(medians);
    }
    stopped += early;
  }
  return static_cast<double>(stopped) / cases;
}

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

TEST_CASE("a stop says why, and a case that is over says nothing else") {
  const std::vector<double> scattered{1, 2, 3, 1, 2, 3, 1, 2, 3, 1};
  const std::vector<double> close(6, 1.0);
  const auto sampling = ten_rounds();
  CHECK(stop_of({.rounds = 10, .seconds = 1, .medians = scattered}, sampling) == Stop::rounds);
  CHECK(stop_of({.rounds = 6, .seconds = 1, .medians = close}, sampling) == Stop::narrow);
  CHECK(stop_of({.rounds = 3, .seconds = 61, .medians = {1, 2, 3}}, sampling) == Stop::cap);
  CHECK_FALSE(stop_of({.rounds = 9, .seconds = 1, .medians = {1, 2, 3, 1, 2, 3, 1, 2, 3}}, sampling));
  CHECK_FALSE(stop_of({}, sampling));
  CHECK_FALSE(stop_of({.rounds = 2, .seconds = 1, .medians = {1}, .failed = true}, sampling));
  CHECK(std::string(name_of(Stop::plateau)) == "plateau");
}

TEST_CASE("an interval that narrows as rounds are added has not stopped shrinking; one that widens has") {
  std::vector<double> steady, drifting;
  for (int round = 0; round < 14; ++round) {
    steady.push_back(round < 6 ? 1 + 0.1 * (round % 3) : 1.1);
    drifting.push_back(1 + 0.05 * round);
    CHECK_FALSE(has_stopped_shrinking(steady));
    CHECK(has_stopped_shrinking(drifting) == (round == 13));  // rounds 12, 13 and 14 say so
  }
  auto sampling = sampling_for(Profile::rigorous);
  CHECK(stop_of({.rounds = 14, .seconds = 1, .medians = drifting}, sampling) == Stop::plateau);
}

// The figures of the comment in stop_rule.cpp.
TEST_CASE("a plateau is seen where the machine drifts and seldom where rounds are independent") {
  CHECK(stopped_early([](int, double normal) { return std::exp(0.05 * normal); }) < 0.15);
  CHECK(stopped_early([](int round, double normal) { return std::exp(0.02 * normal + 0.05 * round / 3); }) > 0.9);
  CHECK(stopped_early([](int, double normal) { return normal < 0 ? 1.0 + 0.01 * normal : 1.2 + 0.01 * normal; }) > 0.5);
}
