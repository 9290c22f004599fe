// Each thread of an arena has a CPU of its own, one for each physical core first.
#include "harness/measure/pinning.h"

#include <sched.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <vector>

#include "harness/measure/parallel_tbb.h"
#include "tests/catch.h"

using namespace attnbench;

namespace {

const std::vector<Cpu> kFourCoresTwice = {{0, "0,4"}, {1, "1,5"}, {2, "2,6"}, {3, "3,7"},
                                          {4, "0,4"}, {5, "1,5"}, {6, "2,6"}, {7, "3,7"}};

// The CPUs that the calling thread may use.
std::vector<int> affinity() {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  return cpus;
}

}  // namespace

TEST_CASE("a physical core gets a second thread when each has one") {
  CHECK(spread(kFourCoresTwice, 0, 4) == std::vector{0, 1, 2, 3});
  CHECK(spread(kFourCoresTwice, 0, 6) == std::vector{0, 1, 2, 3, 4, 5});
  const std::vector<Cpu> neighbours = {{0, "0-1"}, {1, "0-1"}, {2, "2-3"}, {3, "2-3"}};
  CHECK(spread(neighbours, 0, 2) == std::vector{0, 2});
  CHECK(spread(neighbours, 0, 4) == std::vector{0, 2, 1, 3});
}

TEST_CASE("threads are placed from the CPU of the caller on, so that two runs at once have different ones") {
  CHECK(spread(kFourCoresTwice, 2, 2) == std::vector{2, 3});
  CHECK(spread(kFourCoresTwice, 7, 3) == std::vector{7, 0, 1});
  CHECK(spread(kFourCoresTwice, 99, 2) == std::vector{0, 1});  // moved to a CPU that is not allowed any more
}

TEST_CASE("CPUs whose cores are not known count as cores") {
  CHECK(spread({{3, ""}, {5, ""}, {9, ""}}, 5, 2) == std::vector{5, 9});
}

TEST_CASE("one thread and more threads than CPUs are not pinned") {
  CHECK(spread(kFourCoresTwice, 0, 1).empty());
  CHECK(spread(kFourCoresTwice, 0, 9).empty());
  CHECK(spread({}, 0, 2).empty());
}

TEST_CASE("a thread is pinned until the pin is gone") {
  const auto before = affinity();
  {
    const Pinned pinned(::sched_getcpu());
    const Pinned none(std::nullopt);
    CHECK(affinity().size() == 1);
  }
  CHECK(affinity() == before);
}

TEST_CASE("the threads of an arena work on CPUs of their own") {
  if (affinity().size() < 2) {
    WARN("not tested: needs two CPUs");
    return;
  }
  const ThreadArena arena(2);
  REQUIRE(arena.caller_cpu().has_value());
  const Pinned pinned(arena.caller_cpu());
  for (int repetition = 0; repetition < 20; ++repetition) {
    std::vector<int> cpus(2, -1);
    std::vector<std::size_t> allowed(2, 0);
    std::atomic<int> missing{2};
    arena.parallel().for_each(2, [&](std::int64_t i, int) {
      --missing;
      while (missing > 0) ::sched_yield();  // so that each thread takes one
      allowed[static_cast<std::size_t>(i)] = affinity().size();
      cpus[static_cast<std::size_t>(i)] = ::sched_getcpu();
    });
    CHECK(cpus[0] != cpus[1]);
    CHECK(allowed == std::vector<std::size_t>{1, 1});
  }
}

TEST_CASE("ATTNBENCH_PIN=off leaves threads to the system") {
  REQUIRE(::setenv("ATTNBENCH_PIN", "off", 1) == 0);
  CHECK(cpus_for(2).empty());
  CHECK_FALSE(ThreadArena(2).caller_cpu().has_value());
  ::unsetenv("ATTNBENCH_PIN");
}
