// If these fail, a variant that hides memory, threads, time or work passes for an honest one, or an honest one is accused.
#include "harness/worker/honesty.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <thread>
#include <utility>

#include "harness/measure/parallel_tbb.h"
#include "harness/measure/thread_clock.h"
#include "harness/worker/output_digest.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

template <auto Change>
std::string changed_cost_fault(const char* name, const char* problem) {
  static const Variant* original = nullptr;
  original = find_variant(name);
  Variant variant = *original;
  variant.cost = [](const Problem& p, const Params& q) {
    auto cost = original->cost(p, q);
    Change(cost);
    return cost;
  };
  return cost_fault({&variant, Params(variant.params)}, parse_problem(problem));
}

}  // namespace

TEST_CASE("the declared cost of exact attention is held against its pairs") {
  const char* problem = "b1 h4:2 n33:40 d8:5 causal-bottom-right klen=30";
  CHECK(changed_cost_fault<[](Cost&) {}>("naive", problem).empty());
  CHECK(has(changed_cost_fault<[](Cost& cost) { cost.pairs += 1; }>("naive", problem), "pairs, the masks leave"));
  CHECK(has(changed_cost_fault<[](Cost& cost) { cost.multiply_adds /= 2; }>("naive", problem), "multiply-adds, its pairs take"));
  CHECK(has(changed_cost_fault<[](Cost& cost) { cost.multiply_adds *= 8; }>("naive", "b1 h1 n9 d8"), "8.0 times what all"));
  CHECK(changed_cost_fault<[](Cost& cost) { cost.multiply_adds *= 8; }>("linear", "b1 h1 n9 d8").empty());
  for (const auto* variant : builtin_variants())
    for (const char* text : {"b1 h1 n1 d1", "b1 h2 n300 d16", "b1 h2 n300 d16 causal", "b1 h2 n9 d8 mask=bool"}) {
      const auto p = parse_problem(text);
      if (unsupported_reasons(*variant, p, Params(variant->params)).empty()) {
        CAPTURE(variant->name, text);
        CHECK(cost_fault({variant, Params(variant->params)}, p).empty());
      }
    }
}

TEST_CASE("CPU time of other threads than the case's is called, a library's own pool only beyond the cores of the case") {
  CHECK(threads_fault({.wall = 1, .process = 1, .arena = 1}, 1, false).empty());
  CHECK(threads_fault({.wall = 1, .process = 2, .arena = 1.99}, 2, false).empty());
  CHECK(has(threads_fault({.wall = 1, .process = 2, .arena = 1}, 2, false), "threads of its own took 50 %"));
  CHECK(threads_fault({.wall = 1, .process = 2, .arena = 1}, 2, true).empty());
  CHECK(has(threads_fault({.wall = 1, .process = 4, .arena = 1}, 2, true), "kept 4.0 cores busy where the case has 2 threads"));
  CHECK(threads_fault({.wall = 1, .process = 1.8, .arena = 1.8, .earlier = 0.8}, 1, false).empty());  // OpenBLAS spins
  CHECK(has(threads_fault({.wall = 1, .process = 1.8, .arena = 1.8}, 1, false), "kept 1.8 cores busy"));
  CHECK(threads_fault({.wall = 1e-3, .process = 2e-3, .arena = 1e-3}, 1, false).empty());  // less than clocks resolve
}

TEST_CASE("a stopwatch is held against the harness's clock, the way to another process aside") {
  CHECK(clock_fault({.claimed = 0.01, .outer = 0.11}, {.claimed = 0.03, .outer = 0.13}).empty());
  CHECK(has(clock_fault({.claimed = 0.002, .outer = 0.01}, {.claimed = 0.006, .outer = 0.03}),
            "4.00 ms, but 20.0 ms went by on the harness's clock"));
  CHECK(clock_fault({.claimed = 0.01, .outer = 0.012}, {.claimed = 0.025, .outer = 0.032}).empty());  // 25 % lost to a neighbour
  CHECK(clock_fault({.claimed = 0.031, .outer = 0.031}, {.claimed = 0.03, .outer = 0.033}).empty());  // the shorter was held up
}

TEST_CASE("memory beyond the declaration is called") {
  MemoryUse use{.workspace_declared = 1 << 20, .workspace_peak = 1 << 20, .rss_baseline = 50 << 20, .rss_peak = 60 << 20};
  CHECK(memory_fault(use, {}, 2).empty());
  use.stray_bytes = 4000;
  CHECK(memory_fault(use, {}, 2).empty());
  use.stray_bytes = 1 << 20;
  CHECK(has(memory_fault(use, {}, 2), "takes 1.00 MiB from the heap or with mmap in every call"));
  CHECK(memory_fault(use, {.external_bytes = 2e6}, 2).empty());
  use.stray_bytes = 0;
  use.load_bytes = 64 << 20;
  CHECK(has(memory_fault(use, {}, 2), "holds 74.0 MiB of memory, 64.0 MiB of it while it was loaded, but declares 1.00 MiB"));
  CHECK(memory_fault(use, {.external_bytes = 64e6}, 2).empty());
}

TEST_CASE("the digest of an output depends on every bit and not on the strides") {
  Tensor dense({2, 3, 5, 4});
  for (std::int64_t t = 0; t < element_count(dense.shape()); ++t) dense.data()[t] = static_cast<float>(t) * 0.25f;
  const auto digest = output_digest(dense.ref());
  CHECK(digest.size() == 16);
  Tensor padded({2, 3, 5, 7});
  auto ref = padded.ref();
  ref.shape[3] = 4;
  for (std::int64_t t = 0; t < 30; ++t)
    std::copy_n(dense.view().row(t / 15, t / 5 % 3, t % 5), 4, ref.as<float>().row(t / 15, t / 5 % 3, t % 5));
  CHECK(output_digest(ref) == digest);
  for (const std::int64_t at : {0, 59, 119}) {
    const float kept = dense.data()[at];
    dense.data()[at] = std::nextafter(kept, 1e9f);
    CHECK(output_digest(dense.ref()) != digest);
    dense.data()[at] = kept;
  }
  std::swap(dense.data()[1], dense.data()[2]);
  CHECK(output_digest(dense.ref()) != digest);
}

TEST_CASE("an arena's threads account for the CPU time of this process, another thread's is left over") {
  const ThreadArena arena(2);
  std::atomic<double> sink{0};
  const auto work = [&] {
    double sum = 0;
    for (int i = 0; i < 20'000'000; ++i) sum += std::sqrt(static_cast<double>(i));
    sink = sum;
  };
  const auto spent = [&](const std::function<void()>& call) {
    const double process = process_cpu_seconds(), own = arena.cpu_seconds();
    call();
    return std::pair(process_cpu_seconds() - process, arena.cpu_seconds() - own);
  };
  arena.parallel().for_each(64, [](std::int64_t, int) {});
  const auto [process, own] = spent([&] { arena.parallel().for_each(4, [&](std::int64_t, int) { work(); }); });
  CHECK(own == Approx(process).epsilon(0.05));
  const auto [both, ours] = spent([&] { std::thread(work).join(); });
  CHECK(both > 0);
  CHECK(ours < 0.5 * both);
}
