// What a worker measures for a calibration: every ceiling that was asked for, over the sizes and threads that were asked for.
#include "harness/measure/ceilings.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "harness/measure/bandwidth_kernels.h"
#include "harness/measure/fma_kernels.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/peak_probe.h"
#include "harness/run/calibrate.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "variants/api/tensor.h"
#include "variants/kernels/simd/isa.h"

namespace attnbench {
namespace {

constexpr std::int64_t kKiB = 1024, kMiB = 1024 * 1024;

Calibration measured(const char* what, int threads) {
  const ThreadArena arena(threads);
  return measure_ceilings({.what = what, .quick = true, .budget_seconds = 0}, arena.parallel());
}

TEST_CASE("every instruction set has an f32 and an f64 multiply-add peak") {
  const auto c = measured("fma", 1);
  std::set<std::string> seen;
  for (const auto& p : c.fma_peak) {
    INFO(p.isa << " " << p.dtype);
    CHECK(p.gflops.best > 0);
    CHECK(p.threads == 1);
    seen.insert(p.isa + " " + p.dtype);
  }
  CHECK(seen.size() == c.fma_peak.size());
  for (const auto& isa : kernels::available_isas()) CHECK((seen.contains(isa + " f32") && seen.contains(isa + " f64")));
}

TEST_CASE("measuring every instruction set leaves the one in use as it was") {
  const auto isas = kernels::available_isas();
  kernels::force_isa(isas.back());
  all_fma_loops();
  CHECK(kernels::current_isa() == isas.back());
  CHECK(current_fma_loop().isa == isas.back());
  kernels::force_isa("");
}

TEST_CASE("a multiply-add loop does the rounds it is asked for") {
  // x <- 0.999 x + 0.001 pulls every chain towards 1, so the sum of all lanes tends to their number: half the FLOPs of a round.
  for (const auto& loop : all_fma_loops()) {
    if (loop.dtype == "bf16") continue;
    INFO(loop.isa << " " << loop.dtype);
    const double lanes = loop.flops_per_round / 2;
    CHECK(loop.run(20'000) == Approx(lanes).epsilon(1e-3));
    CHECK(loop.run(0) > 1.3 * lanes);
  }
}

TEST_CASE("a reading sweep sees every byte of its range and none beyond") {
  const Tensor memory({1, 1, 1, 2048});
  auto* words = reinterpret_cast<std::uint32_t*>(memory.data());
  const auto read = [&] { return read_sweeps(reinterpret_cast<const std::byte*>(words), 4096, 2); };
  CHECK(read() == 0);
  for (const int place : {0, 1, 511, 1023}) {
    words[place] = 1u << 7;
    INFO(place);
    CHECK(read() != 0);
    words[place] = 0;
  }
  words[1024] = 1;
  CHECK(read() == 0);
}

TEST_CASE("a triad sweep writes b + c / 2 over its range and nothing beyond") {
  const Tensor a({1, 1, 1, 2048}), b({1, 1, 1, 2048}), c({1, 1, 1, 2048});
  for (int i = 0; i < 2048; ++i) b.data()[i] = static_cast<float>(i), c.data()[i] = 4;
  triad_sweeps(a.data(), b.data(), c.data(), 4096, 1);
  for (const int place : {0, 1, 511, 1023}) CHECK(a.data()[place] == static_cast<float>(place + 2));
  CHECK(a.data()[1024] == 0);
}

TEST_CASE("working sets ascend from 16 KiB to four times the last-level cache") {
  CHECK(working_sets(64 * kKiB, 1e12, 1, 4) == std::vector<std::int64_t>{16 * kKiB, 64 * kKiB, 256 * kKiB});
  CHECK(working_sets(48 * kKiB, 1e12, 1, 4) == std::vector<std::int64_t>{16 * kKiB, 64 * kKiB, 192 * kKiB});
  CHECK(working_sets(32 * kMiB, 1e12, 1, 2).size() == 14);
  CHECK(working_sets(0, 1e12, 1, 2).back() == 128 * kMiB);  // a system that does not tell
}

TEST_CASE("working sets leave every thread something to sweep and the machine its memory") {
  CHECK(working_sets(32 * kMiB, 1e12, 64, 2).front() == 256 * kKiB);
  CHECK(working_sets(32 * kMiB, 64.0 * kMiB, 1, 2).back() == 16 * kMiB);
  CHECK(working_sets(2048 * kMiB, 1e12, 1, 2).back() == 1024 * kMiB);
  CHECK(working_sets(32 * kMiB, 0, 1, 2) == std::vector<std::int64_t>{16 * kKiB});
}

TEST_CASE("the clock is measured, and an empty job measures nothing") {
  const auto clock = measured("clock", 1);
  CHECK(clock.clock_resolution_s > 0);
  CHECK(clock.timer_overhead_s > 0);
  CHECK(to_json(measured("nothing", 1)) == to_json(Calibration()));
  CHECK_THROWS_AS(measured("warp", 1), std::invalid_argument);
}

TEST_CASE("thread counts run from one to all") {
  CHECK(calibrated_threads(1, false) == std::vector<int>{1});
  CHECK(calibrated_threads(2, true) == std::vector<int>{1, 2});
  CHECK(calibrated_threads(3, false) == std::vector<int>{1, 2, 3});
  CHECK(calibrated_threads(6, false) == std::vector<int>{1, 2, 3, 4, 6});
  CHECK(calibrated_threads(64, false) == std::vector<int>{1, 2, 3, 4, 8, 16, 32, 64});
  CHECK(calibrated_threads(64, true) == std::vector<int>{1, 64});
}

TEST_CASE("the peak probe finds a rate on every thread count") {
  for (const int threads : {1, 2}) {
    const ThreadArena arena(threads);
    Ceiling peak;
    for (int i = 0; i < 20 && peak.best == 0; ++i) peak = probe_peak(arena.parallel());  // 0 where the tests' machine is starved
    CHECK(peak.best > 0);
    CHECK(peak.spread >= 0);
    CHECK(peak.spread < 1);
  }
}

}  // namespace
}  // namespace attnbench
