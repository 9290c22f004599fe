// A calibration keeps what it was given through JSON, and its curves give what was measured, or a value between neighbours.
#include "harness/measure/calibration.h"

#include <utility>

#include "harness/support/json.h"
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

TEST_CASE("a calibration keeps what is not known through JSON") {
  CHECK_FALSE(calibration_of(to_json(example())).other_work_cores.has_value());
  auto known = example();
  known.other_work_cores = 0.5;
  CHECK(calibration_of(to_json(known)).other_work_cores == 0.5);
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
    if (member == "physical_cores" || member == "other_work_cores") continue;  // came later, and stored runs lack them
    auto lacking = json;
    lacking.erase(member);
    INFO(member);
    CHECK_THROWS_AS(calibration_of(lacking), Json::exception);
  }
  json["schema_version"] = 2;
  CHECK_THROWS_AS(calibration_of(json), Json::exception);
}

Calibration peaks(std::vector<FmaPeak> fma_peak, int cores, int physical_cores) {
  Calibration c;
  c.cores = cores;
  c.physical_cores = physical_cores;
  c.fma_peak = std::move(fma_peak);
  return c;
}

TEST_CASE("two threads on two cores that give no more than one contradict each other") {
  const std::vector<FmaPeak> starved{{"AVX2", "f32", 1, {118.2, 0}}, {"AVX2", "f32", 2, {117.6, 0}}};
  CHECK(contradiction(peaks(starved, 2, 2)) == "AVX2 f32 gave 117.6 GFLOP/s on 2 threads and 118.2 on 1 thread");
  CHECK(contradiction(peaks(starved, 2, 0)) != "");
  CHECK(contradiction(peaks(starved, 2, 1)) == "");  // two threads of one core
  CHECK(contradiction(peaks({{"AVX2", "f32", 1, {118, 0}}, {"AVX2", "f32", 2, {236, 0}}}, 2, 2)) == "");
  CHECK(contradiction(peaks({{"AVX2", "f32", 1, {118, 0}}, {"AVX2", "f32", 2, {0, 0}}}, 2, 1)) != "");
  CHECK(contradiction(peaks({{"AVX2", "f32", 1, {100, 0}}, {"AVX2", "f32", 64, {3500, 0}}}, 128, 64)) == "");
  CHECK(contradiction(peaks({{"AVX2", "f32", 32, {3000, 0}}, {"AVX2", "f32", 64, {2500, 0}}}, 64, 32)) != "");
}

TEST_CASE("wider vectors that are much slower contradict the narrow ones") {
  CHECK(contradiction(peaks({{"SSE4", "f32", 1, {50, 0}}, {"AVX2", "f32", 1, {30, 0}}}, 2, 2)) ==
        "on 1 thread, AVX2 f32 gave 30 GFLOP/s and SSE4 50");
  CHECK(contradiction(peaks({{"AVX2", "f32", 1, {100, 0}}, {"AVX3", "f32", 1, {90, 0}}}, 2, 2)) == "");
  CHECK(contradiction(peaks({{"AVX2", "f64", 1, {50, 0}}, {"AVX3", "f32", 1, {30, 0}}}, 2, 2)) == "");
  CHECK(contradiction(example()) == "");
}

TEST_CASE("other work beside a calibration makes it busy, and the load average counts only where that is not known") {
  auto c = example();
  CHECK_FALSE(was_busy(c));
  c.load_1m = 3;
  CHECK(was_busy(c));
  CHECK(busy_text(c) == "the load was 3.0 on 4 cores");
  c.other_work_cores = 0.1;  // the load was this user's build a minute ago
  CHECK_FALSE(was_busy(c));
  c.load_1m = 0;
  c.other_work_cores = 0.9;
  CHECK(was_busy(c));
  CHECK(busy_text(c) == "other work kept 0.9 of 4 cores busy");
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
