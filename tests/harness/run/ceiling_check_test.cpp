// If these fail, a time that no machine could reach passes for a result, or an honest one is called an error.
#include "harness/run/ceiling_check.h"

#include "harness/planning/case.h"
#include "harness/planning/cold_cache.h"
#include "harness/protocol/measurement.h"
#include "tests/catch.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

Case case_of(const char* problem) {
  Case one;
  one.workload = make_workload("gaussian", parse_problem(problem));
  one.config = {find_variant("naive"), Params(find_variant("naive")->params)};
  return one;
}

Calibration read_at(double gbytes_per_s) {
  Calibration calibration;
  for (const std::int64_t bytes : {std::int64_t{16} << 10, std::int64_t{1} << 32})
    calibration.bandwidth.push_back({"read", 1, bytes, {gbytes_per_s, 0}});
  return calibration;
}

TimedRound judged(const Case& one, double seconds, double peak_gflops, const std::optional<Calibration>& calibration = {}) {
  TimedRound round{.timing = {.samples_s = {seconds}, .iterations = {}, .involuntary_switches = {}},
                   .peak_after_gflops = peak_gflops};
  add_ceilings(round, one, "AVX2", calibration);
  return round;
}

}  // namespace

TEST_CASE("the share of the peak counts two operations per multiply-add; above it is an error") {
  const auto one = case_of("b1 h1 n256 d64 f32");
  const double flops = 2 * one.config.variant->cost(one.problem(), one.config.params).multiply_adds;
  const auto half = judged(one, 1e-3, 2 * flops / 1e-3 / 1e9);
  CHECK(half.share_of_peak.value() == Approx(0.5));
  CHECK_FALSE(half.above_ceiling);
  CHECK_FALSE(judged(one, 1e-3, flops / 1.01e-3 / 1e9).above_ceiling);  // within what two probes differ by
  CHECK(judged(one, 1e-3, flops / 1.03e-3 / 1e9).above_ceiling);
}

TEST_CASE("a time is impossible against the larger of the probed and the calibrated peak, with the stated tolerance") {
  const auto one = case_of("b1 h1 n256 d64 f32");
  const double flops = 2 * one.config.variant->cost(one.problem(), one.config.params).multiply_adds;
  const auto twice = judged(one, 1e-3, flops / 2e-3 / 1e9);  // needs twice the probed peak
  const double needed = flops / 1e-3 / 1e9;
  CHECK(impossible_time(twice, 0).find("2.0 times the peak of this machine") != std::string::npos);
  CHECK(impossible_time(twice, needed / 1.03).find("1.0 times the peak") != std::string::npos);
  CHECK(impossible_time(twice, needed / 1.01).empty());                       // the probes were disturbed, the calibration was not
  CHECK(impossible_time(judged(one, 1e-3, 2 * needed), needed / 2).empty());  // the calibration was
  CHECK(impossible_time(judged(one, 1e-9, 0), 0).empty());
}

TEST_CASE("without a probe or a calibration there is no share, and nothing is above it") {
  const auto time = judged(case_of("b1 h1 n256 d64 f32"), 1e-9, 0);
  CHECK_FALSE(time.share_of_peak.has_value());
  CHECK_FALSE(time.share_of_bandwidth.has_value());
  CHECK_FALSE(time.above_ceiling);
}

TEST_CASE("a calibration below the peak probed beside the case is no ceiling") {
  auto large = case_of("b1 h1 n1 d1 f32");
  auto longer = large.problem();
  longer.n_k = longer.n_q = static_cast<std::int64_t>(cache_bytes()) / 8;
  large.workload = make_workload("gaussian", longer);
  Variant free_of_work = *large.config.variant;
  free_of_work.cost = [](const Problem&, const Params&) -> Cost { return {}; };
  large.config.variant = &free_of_work;
  auto calibration = read_at(1);
  calibration.fma_peak = {{"AVX2", "f32", 1, {118, 0}}};
  const double seconds = compulsory_bytes(large.problem()) / 2e9;
  CHECK(judged(large, seconds, 118, calibration).above_ceiling);
  CHECK_FALSE(judged(large, seconds, 236, calibration).above_ceiling);
  CHECK_FALSE(judged(large, seconds, 236, calibration).share_of_bandwidth.has_value());
}

TEST_CASE("more than the bandwidth is an error for what comes from memory only") {
  const auto small = case_of("b1 h1 n256 d64 f32");
  const auto fast = judged(small, compulsory_bytes(small.problem()) / 2e9, 0, read_at(1));
  CHECK(fast.share_of_bandwidth.value() == Approx(2));
  CHECK_FALSE(fast.above_ceiling);

  auto large = case_of("b1 h1 n1 d1 f32");
  auto longer = large.problem();
  longer.n_k = longer.n_q = static_cast<std::int64_t>(cache_bytes()) / 8;  // twice the cache in q, k, v and output
  large.workload = make_workload("gaussian", longer);
  Variant free_of_work = *large.config.variant;
  free_of_work.cost = [](const Problem&, const Params&) -> Cost { return {}; };
  large.config.variant = &free_of_work;
  CHECK(judged(large, compulsory_bytes(large.problem()) / 2e9, 0, read_at(1)).above_ceiling);
  CHECK(impossible_time(judged(large, compulsory_bytes(large.problem()) / 3.9e9, 0, read_at(1)), 0)
            .empty());  // as a busy calibration finds
  CHECK(impossible_time(judged(large, compulsory_bytes(large.problem()) / 4.1e9, 0, read_at(1)), 0).find("bandwidth") !=
        std::string::npos);
  CHECK_FALSE(judged(large, compulsory_bytes(large.problem()) / 1.04e9, 0, read_at(1)).above_ceiling);
}
