// If these fail, a run ends without saying that its machine drifted, that a result cannot be, or how wrong its predictions were.
#include "harness/run/findings.h"

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/protocol/measurement.h"
#include "tests/catch.h"
#include "tests/harness/fault_variants/fault_variants.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

const Plan& plan() {
  static const auto made = fault_plan({"steady", "slow"});  // predicted: 1 ms, 1 MB
  return made;
}

// Probed at `peak` GFLOP/s, and before that slower by the drift.
TimedRound quiet(double peak = 0, double drift = 0.01) {
  return {.peak_before_gflops = peak * (1 - drift), .peak_after_gflops = peak, .share_of_peak = 0.5};
}

}  // namespace

TEST_CASE("a quiet run has nothing to say but how right its predictions were") {
  Findings findings;
  CHECK(findings.lines().empty());
  findings.add_round(*plan().cases()[0], quiet(), 0);
  CHECK(findings.lines().empty());
  findings.add_time(*plan().cases()[0], 0.002);
  findings.add_time(*plan().cases()[1], 0.0001);
  findings.add_time(*plan().cases()[1], 0.001);
  findings.add_memory(*plan().cases()[0], 2e6);
  const auto lines = findings.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "predicted over measured time: median 1.00, worst 10.00 (slow b1 h2 n8 d4 f32)");
  CHECK(lines[1] == "predicted over measured memory: median 0.50, worst 0.50 (steady b1 h2 n8 d4 f32)");
}

TEST_CASE("too low a prediction can be the worst one") {
  Findings findings;
  findings.add_time(*plan().cases()[0], 0.004);
  findings.add_time(*plan().cases()[1], 0.0005);
  CHECK(has(findings.lines().at(0), "worst 0.25 (steady"));
}

TEST_CASE("a machine that gives less than it was calibrated at is named, with the worst place") {
  Findings findings;
  for (const double peak : {100.0, 95.0, 80.0, 45.0}) {
    const auto time = quiet(peak);
    findings.add_round(*plan().cases()[peak < 50], time, 100);
    findings.add_round(*plan().cases()[0], time, 0);  // not calibrated
  }
  const auto lines = findings.lines();
  REQUIRE(lines.size() == 1);
  CHECK(has(lines[0], "over 15 % less than its calibrated peak beside 2 of 8 rounds, 55 % less beside slow b1"));
}

TEST_CASE("a probe above the calibrated peak refutes the calibration") {
  Findings findings;
  for (const double peak : {100.0, 104.0}) {
    const auto time = quiet(peak);
    findings.add_round(*plan().cases()[0], time, 100);
  }
  CHECK_FALSE(findings.calibration_refuted());
  const auto time = quiet(236);
  findings.add_round(*plan().cases()[1], time, 118);
  CHECK(findings.calibration_refuted());
  CHECK(has(findings.lines().at(0),
            "the calibration is invalid: the peak probed beside 1 of 3 rounds was above the calibrated one, "
            "2.00 times it beside slow b1"));
}

TEST_CASE("drift and a breached ceiling take one line each, with the worst place") {
  Findings findings;
  for (const double drift : {0.01, 0.08, 0.31}) {
    const auto time = quiet(100, drift);
    findings.add_round(*plan().cases()[drift > 0.1], time, 0);
  }
  auto impossible = quiet();
  impossible.above_ceiling = true;
  impossible.share_of_peak = 1.25;
  findings.add_round(*plan().cases()[0], impossible, 0);
  findings.add_round(*plan().cases()[0], quiet(0), 0);  // not probed
  const auto lines = findings.lines();
  REQUIRE(lines.size() == 2);
  CHECK(has(lines[0], "1 of 5 rounds were faster than this machine can be, steady b1 h2 n8 d4 f32 by 25 %"));
  CHECK(has(lines[1], "by more than 5 % during 2 of 5 rounds, by 31 % beside slow"));
}
