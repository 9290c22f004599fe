#include "harness/doctor/clock.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "harness/measure/timer.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int64_t kReadings = 300'000;
constexpr double kCoarse = 10e-6;  // samples of 10 ms are then no longer a thousand steps

// Raises `latest` to what the clock says and counts the times it said less than somebody had read before.
void watch(std::atomic<std::int64_t>& latest, std::atomic<std::int64_t>& backward) {
  for (std::int64_t i = 0; i < kReadings; ++i) {
    auto seen = latest.load();
    const std::int64_t now = Clock::now().time_since_epoch().count();
    if (now < seen) ++backward;
    while (seen < now && !latest.compare_exchange_weak(seen, now)) {
    }
  }
}

}  // namespace

ClockFacts read_clock() {
  std::atomic<std::int64_t> latest{0}, backward{0};
  std::thread other([&] { watch(latest, backward); });
  watch(latest, backward);
  other.join();
  return {clock_resolution(), backward, 2 * kReadings};
}

std::vector<Check> judge_clock(const ClockFacts& f) {
  const auto step = seconds_text(f.resolution_s);
  const auto backward = fmt::format("{} backward steps in {} readings on two threads", f.backward_steps, f.readings);
  const bool coarse = f.resolution_s > kCoarse;
  return {{"clock", "resolution", coarse ? Health::warn : Health::ok, step,
           coarse ? "samples are stretched to 1000 steps; a finer clock source is in "
                    "/sys/devices/system/clocksource/clocksource0/available_clocksource"
                  : ""},
          {"clock", "monotonic", f.backward_steps > 0 ? Health::fail : Health::ok, backward,
           f.backward_steps > 0 ? "the cores' counters differ: choose another clock source (hpet, acpi_pm)" : ""}};
}

}  // namespace attnbench
