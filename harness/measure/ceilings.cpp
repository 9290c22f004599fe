#include "harness/measure/ceilings.h"

#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <stdexcept>

#include "harness/measure/bandwidth_kernels.h"
#include "harness/measure/burst.h"
#include "harness/measure/fma_kernels.h"
#include "harness/measure/timer.h"
#include "harness/support/available_memory.h"
#include "harness/support/cache_sizes.h"
#include "variants/api/memory.h"

namespace attnbench {
namespace {

constexpr std::int64_t kFmaRounds = 200'000;   // 6 to 12 cycles each: half a millisecond at 3 GHz
constexpr std::size_t kBurstBytes = 64 << 20;  // per thread and burst: 0.4 ms in L1, 2 to 5 ms from memory
constexpr std::int64_t kSmallestSet = 16 << 10;
constexpr std::int64_t kSmallestShare = 4 << 10;
constexpr std::int64_t kLargestSet = std::int64_t{1} << 30;
constexpr std::size_t kStagger = 13 * 64;  // between arrays, so that equal offsets do not meet in the same cache set

int patience(const CeilingTask& task) { return task.quick ? 6 : 20; }

// The first, shorter burst is not timed: it wakes the threads, warms the caches and lets wide vector units power up.
double rate_of(const Parallel& parallel, double amount, const std::function<void(int)>& warm,
               const std::function<void(int)>& work) {
  if (!time_burst(parallel, warm)) return 0;
  const auto seconds = time_burst(parallel, work);
  return seconds ? amount * parallel.threads() / *seconds / 1e9 : 0;
}

void measure_fma(const CeilingTask& task, const Parallel& parallel, Calibration& result) {
  const auto loops = all_fma_loops();
  std::vector<double> kept(static_cast<std::size_t>(parallel.threads()));
  std::vector<Burst> bursts;
  for (const auto& loop : loops)
    bursts.push_back([&] {
      const auto run = [&](std::int64_t rounds) {
        return [&loop, &kept, rounds](int thread) { kept[static_cast<std::size_t>(thread)] = loop.run(rounds); };
      };
      return rate_of(parallel, loop.flops_per_round * kFmaRounds, run(kFmaRounds / 4), run(kFmaRounds));
    });
  const auto ceilings = best_of(bursts, patience(task), task.budget_seconds);
  for (std::size_t i = 0; i < loops.size(); ++i)
    result.fma_peak.push_back({loops[i].isa, loops[i].dtype, parallel.threads(), ceilings[i]});
}

// A, B and C of every thread.
struct Matrices {
  Matrices(int size, int threads)
      : n(size), elements(static_cast<std::size_t>(n) * n), values(3 * elements * static_cast<std::size_t>(threads), 0.5f) {}
  void multiply(int thread) {
    float* a = values.data() + 3 * elements * static_cast<std::size_t>(thread);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0f, a, n, a + elements, n, 0.0f, a + 2 * elements, n);
  }
  int n;
  std::size_t elements;
  std::vector<float> values;
};

void measure_sgemm(const CeilingTask& task, const Parallel& parallel, Calibration& result) {
  std::vector<int> sizes{512, 1024};
  if (!task.quick) sizes.push_back(2048);
  std::vector<Matrices> matrices;
  for (const int n : sizes) matrices.emplace_back(n, parallel.threads());
  std::vector<Burst> bursts;
  for (auto& m : matrices)
    bursts.push_back([&] {
      const double n = m.n;
      return rate_of(
          parallel, 2 * n * n * n, [](int) {}, [&m](int thread) { m.multiply(thread); });
    });
  const auto ceilings = best_of(bursts, patience(task), task.budget_seconds);
  for (std::size_t i = 0; i < sizes.size(); ++i) result.sgemm.push_back({parallel.threads(), sizes[i], ceilings[i]});
}

// Memory as tensors have it, each thread's share first touched by one of the threads.
class SweptMemory {
 public:
  SweptMemory(std::size_t bytes_per_thread, const Parallel& parallel)
      : share_(bytes_per_thread + 4 * kStagger), pages_(share_ * static_cast<std::size_t>(parallel.threads())) {
    parallel.for_each(parallel.threads(), [&](std::int64_t i, int) { std::memset(of_thread(static_cast<int>(i)), 0x3f, share_); });
  }

  std::byte* of_thread(int thread) const { return pages_.data() + share_ * static_cast<std::size_t>(thread); }

 private:
  std::size_t share_;
  Pages pages_;
};

// A set of working memory cut among threads and streams, in whole blocks.
struct Sweep {
  std::string kind;
  std::size_t streams;
  std::size_t bytes;  // of one stream of one thread

  static Sweep over(const char* kind, std::size_t streams, std::int64_t working_set, int threads) {
    const auto wanted = static_cast<std::size_t>(working_set) / (streams * static_cast<std::size_t>(threads));
    return {kind, streams, std::max(wanted / kSweepBlock, std::size_t{1}) * kSweepBlock};
  }
  std::int64_t sweeps() const { return static_cast<std::int64_t>(std::max(kBurstBytes / (streams * bytes), std::size_t{1})); }
  std::int64_t working_set(int threads) const { return static_cast<std::int64_t>(streams * bytes) * threads; }
  void run(std::byte* memory, std::int64_t count) const {
    if (streams == 1) {
      volatile std::uint32_t kept = read_sweeps(memory, bytes, count);
      (void)kept;
      return;
    }
    const auto stream = [&](std::size_t i) { return reinterpret_cast<float*>(memory + i * (bytes + kStagger)); };
    triad_sweeps(stream(0), stream(1), stream(2), bytes, count);
  }
};

void measure_bandwidth(const CeilingTask& task, const Parallel& parallel, Calibration& result) {
  const int threads = parallel.threads();
  const auto sets = working_sets(last_level_cache_bytes(), available_memory_bytes(), threads, task.quick ? 4 : 2);
  std::vector<Sweep> sweeps;
  for (const auto set : sets) sweeps.push_back(Sweep::over("read", 1, set, threads));
  for (const auto set : sets) sweeps.push_back(Sweep::over("triad", 3, set, threads));
  const SweptMemory memory(static_cast<std::size_t>(sets.back()) / static_cast<std::size_t>(threads) + kSweepBlock, parallel);
  std::vector<Burst> bursts;
  for (const auto& sweep : sweeps)
    bursts.push_back([&] {
      const auto run = [&](std::int64_t count) {
        return [&sweep, &memory, count](int thread) { sweep.run(memory.of_thread(thread), count); };
      };
      const auto moved = static_cast<double>(sweep.streams * sweep.bytes) * static_cast<double>(sweep.sweeps());
      return rate_of(parallel, moved, run(1), run(sweep.sweeps()));
    });
  const auto ceilings = best_of(bursts, patience(task), task.budget_seconds);
  for (std::size_t i = 0; i < sweeps.size(); ++i)
    result.bandwidth.push_back({sweeps[i].kind, threads, sweeps[i].working_set(threads), ceilings[i]});
}

// Seconds of one reading of the clock: the best of some batches.
double timer_overhead() {
  constexpr int kReadings = 10'000, kBatches = 20;
  using Clock = std::chrono::steady_clock;
  double best = 1;
  for (int batch = 0; batch < kBatches; ++batch) {
    const auto start = Clock::now();
    auto now = start;
    for (int i = 0; i < kReadings; ++i) now = Clock::now();
    best = std::min(best, std::chrono::duration<double>(now - start).count() / kReadings);
  }
  return best;
}

}  // namespace

std::vector<std::int64_t> working_sets(std::int64_t last_level_bytes, double available_bytes, int threads, int step) {
  constexpr std::int64_t kUsualCache = 32 << 20;  // where the system does not tell
  const auto smallest = std::max(kSmallestSet, kSmallestShare * threads);
  const auto wanted = 4 * (last_level_bytes > 0 ? last_level_bytes : kUsualCache);
  const auto largest = std::min({wanted, kLargestSet, static_cast<std::int64_t>(available_bytes / 4)});
  std::vector<std::int64_t> sets;
  for (auto set = smallest; set < largest; set *= step) sets.push_back(set);
  sets.push_back(std::max(largest, smallest));
  return sets;
}

Calibration measure_ceilings(const CeilingTask& task, const Parallel& parallel) {
  Calibration result;
  if (task.what == "fma") measure_fma(task, parallel, result);
  else if (task.what == "sgemm") measure_sgemm(task, parallel, result);
  else if (task.what == "bandwidth") measure_bandwidth(task, parallel, result);
  else if (task.what == "clock") result.clock_resolution_s = clock_resolution(), result.timer_overhead_s = timer_overhead();
  else if (task.what != "nothing") throw std::invalid_argument("no ceiling is called " + task.what);
  return result;
}

}  // namespace attnbench
