// A calibration keeps what it was given through JSON, and its curves give what was measured, or a value between neighbours.
#include "harness/calibration/calibration.h"

#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

namespace attnbench {
namespace {

Calibration example() {
  Calibration c;
  c.machine_id = "0123456789abcdef";
  c.created = "2026-03-01T12:00:00Z";
  c.attnbench = "0.1.0";
  c.binary_id = "fedcba9876543210";
  c.profile = "full";
  c.cpu_model = "A CPU";
  c.cores = 4;
  c.load_1m = 0.25;
  c.last_level_cache_bytes = 32 << 20;
  c.clock_resolution_s = 2e-8;
  c.timer_overhead_s = 1e-8;
  c.fork_exec_s = 0.005;
  c.worker_overhead_s = 0.02;
  c.fma_peak = {{"AVX3", "f32", 1, {200, 0.01}}, {"AVX3", "f32", 4, {500, 0.02}}, {"AVX2", "f64", 1, {50, 0.03}}};
  c.sgemm = {{1, 1024, {150, 0.1}}};
  c.bandwidth = {{"read", 1, 1 << 14, {200, 0}},  {"read", 1, 1 << 16, {100, 0}}, {"read", 1, 1 << 24, {20, 0.5}},
                 {"read", 4, 1 << 14, {800, 0}},  {"read", 4, 1 << 24, {40, 0}},  {"triad", 1, 1 << 14, {1, 0}},
                 {"triad", 1, 1 << 24, {0.5, 0}}, {"triad", 4, 1 << 24, {0.5, 0}}};
  return c;
}

TEST_CASE("a calibration keeps every member through JSON") {
  const auto json = to_json(example());
  CHECK(to_json(calibration_of(json)) == json);
  CHECK(schema_violation(read_schema("calibration.schema.json"), json) == "");
  CHECK(json.at("fma_peak")[2] == Json{{"isa", "AVX2"}, {"dtype", "f64"}, {"threads", 1}, {"gflops", 50.0}, {"spread", 0.03}});
}

TEST_CASE("a calibration of another schema version or without a member is none") {
  auto json = to_json(example());
  for (const auto& [member, value] : json.items()) {
    auto lacking = json;
    lacking.erase(member);
    INFO(member);
    CHECK_THROWS_AS(calibration_of(lacking), Json::exception);
  }
  json["schema_version"] = 2;
  CHECK_THROWS_AS(calibration_of(json), Json::exception);
}

TEST_CASE("the read bandwidth is what was measured there") {
  const auto c = example();
  CHECK(read_bandwidth(c, 1 << 14, 1) == Approx(200));
  CHECK(read_bandwidth(c, 1 << 24, 1) == Approx(20));
  CHECK(read_bandwidth(c, 1 << 14, 4) == Approx(800));
}

TEST_CASE("between sizes the read bandwidth is linear in the logarithm of the size") {
  CHECK(read_bandwidth(example(), 1 << 15, 1) == Approx(150));  // half way from 2^14 to 2^16
  CHECK(read_bandwidth(example(), 1 << 20, 1) == Approx(60));   // half way from 2^16 to 2^24
  CHECK(read_bandwidth(example(), 1 << 22, 1) == Approx(40));   // three quarters of it
}

TEST_CASE("beyond the measured sizes and threads the read bandwidth stays what the nearest measurement was") {
  CHECK(read_bandwidth(example(), 1 << 10, 1) == Approx(200));
  CHECK(read_bandwidth(example(), 0, 1) == Approx(200));
  CHECK(read_bandwidth(example(), 1e12, 1) == Approx(20));
  CHECK(read_bandwidth(example(), 1 << 24, 64) == Approx(40));
}

TEST_CASE("between thread counts a ceiling is linear in the threads") {
  CHECK(read_bandwidth(example(), 1 << 14, 2) == Approx(400));  // a third of the way from 200 to 800
  CHECK(fma_peak(example(), "AVX3", "f32", 2) == Approx(300));  // a third of the way from 200 to 500
}

TEST_CASE("a ceiling that was not measured is 0") {
  CHECK(read_bandwidth(Calibration(), 1e6, 1) == 0);
  CHECK(fma_peak(example(), "AVX3", "bf16", 1) == 0);
  CHECK(fma_peak(example(), "NEON", "f32", 1) == 0);
}

}  // namespace
}  // namespace attnbench
