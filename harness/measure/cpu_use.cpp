#include "harness/measure/cpu_use.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

namespace attnbench {
namespace {

double seconds_of(int who) {
  rusage usage{};
  if (::getrusage(who, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

CpuUse cpu_use_now() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0;  // ticks, see proc(5)
  if (!(file >> cpu >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal) || cpu != "cpu") return {};
  const double ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now().time_since_epoch();
  return {.machine = (user + nice + system + irq + softirq + steal) / ticks,
          .own = seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN),
          .wall = wall.count()};
}

std::optional<double> other_work_cores(const CpuUse& before, const CpuUse& after) {
  const double wall = after.wall - before.wall;
  if (before.wall == 0 || wall <= 0) return std::nullopt;
  return std::max(0.0, (after.machine - before.machine - (after.own - before.own)) / wall);
}

std::optional<double> other_work_cores_now() {
  const auto before = cpu_use_now();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  return other_work_cores(before, cpu_use_now());
}

}  // namespace attnbench
