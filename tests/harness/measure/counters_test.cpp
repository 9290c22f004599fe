// If these fail, the counters beside a time are of other work than the samples, miss the threads of a variant, or are scaled
// wrongly. Machines of tests have no hardware counters as a rule: the same calls count events of the kernel's software.
#include "harness/measure/counters.h"

#include <linux/perf_event.h>
#include <sys/mman.h>

#include <array>
#include <thread>

#include "tests/catch.h"

namespace attnbench {
namespace {

constexpr std::size_t kPage = 4096, kPages = 200;
constexpr CounterEvent kFaults{"page_faults", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_PAGE_FAULTS};
constexpr CounterEvent kClock{"task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK};
constexpr CounterEvent kNoSuch{"no_such", PERF_TYPE_SOFTWARE, 9999};

// Writes into pages for the first time: as many page faults, unless the kernel gives huge pages.
void touch_pages() {
  void* const memory = ::mmap(nullptr, kPage * kPages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  ::madvise(memory, kPage * kPages, MADV_NOHUGEPAGE);
  for (std::size_t page = 0; page < kPages; ++page) static_cast<volatile char*>(memory)[page * kPage] = 1;
  ::munmap(memory, kPage * kPages);
}

bool permitted() {
  const bool opened = Counters(std::span(&kFaults, 1)).error() == 0;
  if (!opened) WARN("perf_event_open is not permitted here; nothing was counted");
  return opened;
}

double faults(const Counters& counters) { return counters.counts().at(0).value; }

TEST_CASE("a count of a part of the time is scaled to the whole, and says so") {
  const auto whole = count_of("cycles", {.value = 300, .enabled_ns = 50, .running_ns = 50});
  CHECK(whole.value == 300);
  CHECK_FALSE(whole.scaled);
  const auto part = count_of("cycles", {.value = 300, .enabled_ns = 50, .running_ns = 20});
  CHECK(part.value == 750);
  CHECK(part.scaled);
  CHECK(count_of("cycles", {}).value == 0);
}

TEST_CASE("counts are stored per call") {
  CHECK_FALSE(per_call({}, 3).has_value());
  const auto counts = per_call({{"cycles", 300, false}, {"instructions", 600, false}}, 3).value();
  CHECK(counts.values == std::vector<std::pair<std::string, double>>{{"cycles", 100.0}, {"instructions", 200.0}});
  CHECK_FALSE(counts.scaled);
  CHECK(per_call({{"cycles", 300, true}, {"instructions", 600, false}}, 3).value().scaled);
}

TEST_CASE("only what happens between start and stop is counted") {
  if (!permitted()) return;
  Counters counters(std::span(&kFaults, 1));
  touch_pages();
  CHECK(counters.counts().empty());  // never started
  counters.start();
  touch_pages();
  counters.stop();
  const double once = faults(counters);
  CHECK(once >= kPages);
  CHECK(once < 1.5 * kPages);
  touch_pages();
  CHECK(faults(counters) == once);
  counters.start();
  touch_pages();
  counters.stop();
  CHECK(faults(counters) >= once + kPages);
}

TEST_CASE("threads that are started later are counted, at work before and after the start of counting") {
  if (!permitted()) return;
  Counters counters(std::span(&kFaults, 1));
  std::thread([] { touch_pages(); }).join();
  counters.start();
  std::thread([] { touch_pages(); }).join();
  counters.stop();
  CHECK(faults(counters) >= kPages);
  CHECK(faults(counters) < 1.5 * kPages);
}

TEST_CASE("events that the machine lacks are left out, and the others form the group") {
  const std::array lacking{kNoSuch};
  CHECK(Counters(lacking).error() != 0);
  CHECK(Counters(lacking).counts().empty());
  if (!permitted()) return;
  const std::array events{kNoSuch, kFaults, kNoSuch, kClock};
  Counters counters(events);
  CHECK(counters.error() == 0);
  counters.start();
  touch_pages();
  counters.stop();
  const auto counts = counters.counts();
  REQUIRE(counts.size() == 2);
  CHECK(std::string(counts[0].name) == "page_faults");
  CHECK(counts[0].value >= kPages);
  CHECK(std::string(counts[1].name) == "task_clock");
  CHECK(counts[1].value > 0);
}

}  // namespace
}  // namespace attnbench
