// The doctor's experiments have the shape that its statistics expect, and stop when asked to.
#include "harness/doctor/experiments.h"

#include "harness/support/json.h"
#include "tests/catch.h"

namespace attnbench {
namespace {

TEST_CASE("experiments time the synthetic workload in the patterns their judge expects") {
  const auto data = run_experiments({.self = ATTNBENCH_BINARY, .quick = true, .scale = 0.05});
  REQUIRE(data.has_value());
  REQUIRE_FALSE(data->at("noise").empty());
  double last = 0;
  for (const auto& length : data->at("noise")) {
    CHECK(length.at("seconds") > last);
    last = length.at("seconds");
    CHECK(length.at("medians").size() >= 3);
    for (const double median : length.at("medians")) CHECK(median > 0);
  }
  for (const auto& pair : {data->at("same").at(0), data->at("twice")}) CHECK(pair.at("base").size() == pair.at("new").size());
  CHECK(data->at("growth").at(0).at("exponent") == 1);
  CHECK(data->at("growth").at(0).at("n").size() == 8);
  CHECK(data->at("growth").at(1).at("exponent") == 2);
  CHECK(data->at("growth").at(1).at("medians").size() == 7);
  CHECK(data->at("peaks_gflops").size() > 2 * data->at("noise").size());
}

TEST_CASE("experiments stop when asked to, and say when a worker fails") {
  CHECK_FALSE(run_experiments({.self = ATTNBENCH_BINARY, .keep_going = [] { return false; }}).has_value());
  CHECK_THROWS(run_experiments({.self = "/nonexistent"}));
}

}  // namespace
}  // namespace attnbench
