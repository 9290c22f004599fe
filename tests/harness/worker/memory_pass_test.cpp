// If these fail, the memory figures of a report are made up: allocations inside run() go unseen, or the peak misses the workspace.
#include "harness/worker/memory_pass.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <functional>
#include <new>
#include <utility>
#include <vector>

#include "harness/measure/allocation_counter.h"
#include "harness/measure/parallel_tbb.h"
#include "tests/catch.h"
#include "tests/harness/fault_variants/fault_variants.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

struct Setting {
  Problem problem = parse_problem("b1 h2 n64 d8");
  Tensor q{{1, 2, 64, 8}}, k{{1, 2, 64, 8}}, v{{1, 2, 64, 8}};
  Inputs inputs{q.ref(), k.ref(), v.ref(), {}};

  MemoryUse measure(const Variant& variant) const {
    return measure_memory({&variant, Params(variant.params)}, problem, inputs, 1, {});
  }
};

void allocates(const RunTask& task) {
  const std::vector<float> stray(1000, 1.0f);
  find_variant("naive")->run(task);
  task.out().row(0, 0, 0)[0] += stray[7];
}

}  // namespace

TEST_CASE("the heap is counted, but under sanitizers: the cases below look at nothing where it is not") {
#ifdef ATTNBENCH_SANITIZED
  CHECK_FALSE(heap_is_counted());
#else
  CHECK(heap_is_counted());
#endif
}

TEST_CASE("heap allocations are counted while they are watched, and only then") {
  if (!heap_is_counted()) return;
  std::vector<std::vector<char>> keep;
  keep.reserve(3);
  keep.emplace_back(10);
  AllocationCounter watch;
  keep.emplace_back(1000);
  ::operator delete (::operator new (64, std::align_val_t{64}), std::align_val_t{64});
  watch.stop();
  keep.emplace_back(10);
  CHECK(watch.allocations() == 2);
  CHECK(watch.bytes() == 1064);
}

TEST_CASE("memory is counted however it is asked for, but for what TBB takes") {
  if (!heap_is_counted()) return;
  constexpr std::size_t kBytes = 1 << 16;
  using Count = std::pair<std::int64_t, std::int64_t>;
  const auto counted = [](const std::function<void*()>& take) {
    AllocationCounter watch;
    void* volatile memory = take();
    watch.stop();
    CHECK(memory != nullptr);
    std::free(memory);
    return Count(watch.allocations(), watch.bytes());
  };
  CHECK(counted([] { return std::malloc(kBytes); }) == Count(1, kBytes));
  CHECK(counted([] { return std::calloc(kBytes / 4, 4); }) == Count(1, kBytes));
  CHECK(counted([] { return std::aligned_alloc(4096, kBytes); }) == Count(1, kBytes));
  CHECK(counted([] {
          void* memory = nullptr;
          return ::posix_memalign(&memory, 4096, kBytes) == 0 ? memory : nullptr;
        }) == Count(1, kBytes));
  void* volatile small = std::malloc(100);
  CHECK(counted([&] { return std::realloc(small, kBytes); }) == Count(1, kBytes));
  AllocationCounter mapping;
  void* const mapped = ::mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mapping.stop();
  CHECK(::munmap(mapped, kBytes) == 0);
  CHECK(Count(mapping.allocations(), mapping.bytes()) == Count(1, kBytes));
  const ThreadArena arena(3);
  wake_threads(arena.parallel());
  AllocationCounter loop;
  arena.parallel().for_each(1000, [](std::int64_t, int) {});
  loop.stop();
  CHECK(loop.allocations() == 0);
}

TEST_CASE("the workspace is exact and no allocation inside run is stray in a variant that makes none") {
  const Setting setting;
  const auto& naive = *find_variant("naive");
  const auto use = setting.measure(naive);
  CHECK(use.workspace_declared == 2 * 64 * 64 * 4);
  CHECK(use.workspace_peak == use.workspace_declared);
  CHECK(use.output_bytes == 2 * 64 * 8 * 4);
  CHECK(use.prepared_bytes == 0);
  CHECK(use.stray_allocations == 0);
  CHECK(use.stray_bytes == 0);
}

TEST_CASE("stray allocations of one call are counted") {
  if (!heap_is_counted()) return;
  const Setting setting;
  Variant stray = *find_variant("naive");
  stray.run = allocates;
  const auto use = setting.measure(stray);
  CHECK(use.stray_allocations == 1);
  CHECK(use.stray_bytes == 4000);
}

TEST_CASE("a workspace beyond its declaration shows") {
  const Setting setting;
  Variant modest = *find_variant("naive");
  modest.workspace = [](const Problem&, const Params&, int) { return std::size_t{64}; };
  const auto use = setting.measure(modest);
  CHECK(use.workspace_declared == 64);
  CHECK(use.workspace_peak == 2 * 64 * 64 * 4);
}

TEST_CASE("the resident peak rises with what the variant takes") {
  Setting setting;
  setting.problem = parse_problem("b1 h2 n64 d8");
  Variant greedy = *find_variant("naive");
  greedy.workspace = [](const Problem&, const Params&, int) { return std::size_t{200} << 20; };
  const auto use = setting.measure(greedy);
  CHECK(use.rss_baseline > 0);
  CHECK(use.rss_peak - use.rss_baseline > (std::int64_t{150} << 20));
}

namespace {

// A process of 64 MiB, ready when prepare() returns, killed with what it leaves.
Prepared start_process(const PrepareTask&) {
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto pid = ::fork();
  if (pid == 0) {
    std::vector<char> held(std::size_t{64} << 20, 1);
    (void)!::write(ready[1], held.data(), 1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]), ::close(ready[1]);
  const std::shared_ptr<void> process(nullptr, [pid](void*) { ::kill(pid, SIGKILL), ::waitpid(pid, nullptr, 0); });
  return {process, 0};
}

}  // namespace

TEST_CASE("a process that the variant starts counts beside this one") {
  const Setting setting;
  Variant adapter = *find_variant("naive");
  CHECK(setting.measure(adapter).children_peak == 0);
  adapter.prepare = start_process;
  const auto use = setting.measure(adapter);
  CHECK(use.children_peak >= std::int64_t{64} << 20);
  CHECK(use.rss_peak - use.rss_baseline < std::int64_t{64} << 20);
}
