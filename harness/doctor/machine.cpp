#include "harness/doctor/machine.h"

#include <cblas.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include "harness/measure/counters.h"
#include "harness/measure/environment.h"
#include "harness/support/build_info.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

constexpr double kSwampedShare = 1;  // more wanting to run than there are cores: nothing can be measured
constexpr double kSteal = 0.02;      // a core taken away for 2 % of the time moves medians of short samples visibly
constexpr double kSwap = 100.0 * (1 << 20);
constexpr auto kWatch = std::chrono::milliseconds(250);

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) ? line : "";
}

// Intel says no_turbo, everybody else boost.
std::string turbo_state() {
  const auto no_turbo = first_line("/sys/devices/system/cpu/intel_pstate/no_turbo");
  if (!no_turbo.empty()) return no_turbo == "0" ? "on" : "off";
  const auto boost = first_line("/sys/devices/system/cpu/cpufreq/boost");
  return boost.empty() ? "unknown" : boost == "1" ? "on" : "off";
}

// "200000 100000" is two cores, "max 100000" no limit; version 1 keeps the two numbers in two files.
double cpu_quota() {
  std::istringstream v2(first_line("/sys/fs/cgroup/cpu.max"));
  double quota = 0, period = 0;
  if (v2 >> quota >> period) return quota / period;
  quota = std::atof(first_line("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str());
  period = std::atof(first_line("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str());
  return quota > 0 && period > 0 ? quota / period : 0;
}

struct CpuTimes {
  double all = 0, stolen = 0;
};

CpuTimes cpu_times() {
  std::istringstream line(first_line("/proc/stat"));  // cpu user nice system idle iowait irq softirq steal ...
  std::string name;
  line >> name;
  CpuTimes times;
  double ticks = 0;
  for (int field = 0; field < 8 && line >> ticks; ++field) {
    times.all += ticks;
    if (field == 7) times.stolen = ticks;
  }
  return times;
}

double steal_share() {
  const auto before = cpu_times();
  std::this_thread::sleep_for(kWatch);
  const auto after = cpu_times();
  return after.all > before.all ? (after.stolen - before.stolen) / (after.all - before.all) : 0;
}

Check machine(std::string name, Health health, std::string found, std::string advice = "") {
  return {"machine", std::move(name), health, std::move(found), std::move(advice)};
}

Check judge_governor(const MachineFacts& f) {
  if (f.governor == "performance") return machine("governor", Health::ok, "performance");
  if (f.governor == "unknown")
    return machine("governor", Health::ok, "not readable (a virtual machine): the host decides; the peak probes watch the clock");
  return machine("governor", Health::warn, f.governor + ": the clock follows the load",
                 "cpupower frequency-set -g performance; without it, first samples run up to twice as slow");
}

Check judge_turbo(const MachineFacts& f) {
  if (f.turbo != "on") return machine("turbo", Health::ok, f.turbo == "off" ? "off" : "not readable");
  return machine("turbo", Health::warn, "on: the clock depends on temperature and on what the other cores do",
                 "for runs days apart switch it off (echo 0 > /sys/devices/system/cpu/cpufreq/boost, or 1 > "
                 ".../intel_pstate/no_turbo); inside one run shares of peak already allow for it");
}

Check judge_siblings(const MachineFacts& f) {
  if (f.siblings <= 1) return machine("hardware threads", Health::ok, "one per core");
  return machine("hardware threads", Health::warn, fmt::format("{} per core: two threads share one core's units", f.siblings),
                 fmt::format("measure with at most {} threads (one per core)", std::max(1, f.cores / f.siblings)));
}

Check judge_load(const MachineFacts& f) {
  auto found = fmt::format("{:.2f} on {} usable cores", f.load, f.cores);
  if (f.other_work_cores) found += fmt::format(", other work keeps {:.1f} busy", *f.other_work_cores);
  if (!is_busy(f.load, f.other_work_cores, f.cores)) return machine("load", Health::ok, found);
  const bool swamped = f.load > kSwampedShare * f.cores;
  return machine("load", swamped ? Health::fail : Health::warn, found,
                 swamped ? "more programs want to run than there are cores: samples are stretched by whole time slices; stop them"
                         : "stop other work: every program that runs beside costs about its share of the caches and cores");
}

Check judge_steal(const MachineFacts& f) {
  const auto found = fmt::format("{:.1f} % of the time went to other guests", 100 * f.steal);
  if (f.steal <= kSteal) return machine("steal", Health::ok, found);
  return machine("steal", Health::warn, found, "a shared host: use --profile rigorous, or a machine of your own");
}

Check judge_huge_pages(const MachineFacts& f) {
  if (f.huge_pages != "never") return machine("huge pages", Health::ok, f.huge_pages);
  return machine(
      "huge pages", Health::warn, "never",
      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled; with 4 KiB pages a core reads long tensors at 0.6 of the speed");
}

Check judge_swap(const MachineFacts& f) {
  if (f.swap_used <= kSwap) return machine("swap", Health::ok, bytes_text(f.swap_used) + " in use");
  return machine("swap", Health::warn, bytes_text(f.swap_used) + " in use",
                 "free memory, or swapoff -a: a page from the disk costs "
                 "as much as a million multiply-adds");
}

Check judge_quota(const MachineFacts& f) {
  if (f.cpu_quota <= 0) return machine("cpu quota", Health::ok, "none");
  const auto found = fmt::format("{:g} of {} cores", f.cpu_quota, f.cores);
  if (f.cpu_quota >= f.cores) return machine("cpu quota", Health::ok, found);
  return machine("cpu quota", Health::fail, found,
                 "threads are stopped for up to 100 ms when it is used up: raise it (docker --cpus), or pin to fewer cores");
}

Check judge_affinity(const MachineFacts& f) {
  return machine("affinity", Health::ok, fmt::format("{} of {} cores usable", f.cores, f.online));
}

Check judge_memory_limit(const MachineFacts& f) {
  return machine("memory limit", Health::ok, f.memory_limit.empty() ? "none but the machine's" : f.memory_limit);
}

Check judge_build(const MachineFacts& f) {
  if (f.sanitized) return machine("build", Health::fail, "with sanitizers", "cmake --preset release; times mean nothing now");
  if (f.build_type != "Release")
    return machine("build", Health::fail, f.build_type, "cmake --preset release; unoptimised code is several times slower");
  return machine("build", Health::ok, "Release, kernels on " + f.isa);
}

// A core type without vectors is what OpenBLAS falls back to on a CPU it does not know.
Check judge_openblas(const MachineFacts& f) {
  if (f.openblas_parallel != OPENBLAS_THREAD)
    return machine("OpenBLAS", Health::fail, f.openblas_parallel == OPENBLAS_SEQUENTIAL ? "serial flavour" : "OpenMP flavour",
                   "install libopenblas-pthread-dev: the serial flavour gives wrong results under TBB, the OpenMP one up to 30x "
                   "slower ones");
  const bool wide_cpu = f.isa == "AVX2" || f.isa == "AVX3";
  const bool narrow_core = f.openblas_core == "Prescott" || f.openblas_core == "Core2" || f.openblas_core == "Generic";
  if (wide_cpu && narrow_core)
    return machine("OpenBLAS", Health::warn, "core type " + f.openblas_core + " on a CPU with " + f.isa,
                   "OpenBLAS does not know this CPU: set OPENBLAS_CORETYPE=Haswell (or SkylakeX), or update it");
  return machine("OpenBLAS", Health::ok, "pthread flavour, core type " + f.openblas_core);
}

// Counters are optional: a machine without them still passes.
Check judge_counters(const MachineFacts& f) {
  const auto found = [](std::string text) { return machine("hardware counters", Health::ok, std::move(text)); };
  const bool refused = f.counters_error == EACCES || f.counters_error == EPERM;
  if (f.counters_error == 0) return found("can be used: records hold cycles, instructions and misses beside each time");
  if (refused && f.perf_paranoid > 2)
    return found(fmt::format("not permitted, as kernel.perf_event_paranoid is {}: sysctl kernel.perf_event_paranoid=2 permits them",
                             f.perf_paranoid));
  if (refused)
    return found("not permitted although kernel.perf_event_paranoid is 2 or below: a container may forbid perf_event_open");
  if (f.counters_error == ENOSYS) return found("none: this kernel is built without perf events");
  return found(fmt::format("none here, or a hypervisor does not pass them on ({})", std::strerror(f.counters_error)));
}

}  // namespace

MachineFacts read_machine() {
  const auto environment = describe_environment(1);
  MachineFacts f;
  f.governor = environment.at("governor");
  f.turbo = turbo_state();
  f.siblings = std::max(1, count_listed(first_line("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list")));
  f.load = environment.at("load_1m");
  f.cores = environment.at("cores");
  f.other_work_cores = other_work_beside(f.load, f.cores);
  f.online = std::max(1, count_listed(first_line("/sys/devices/system/cpu/online")));
  f.huge_pages = environment.at("transparent_hugepages");
  std::ifstream meminfo("/proc/meminfo");
  double total = 0, free = 0;
  for (std::string line; std::getline(meminfo, line);) {
    if (line.starts_with("SwapTotal:")) total = std::atof(line.c_str() + 10);
    if (line.starts_with("SwapFree:")) free = std::atof(line.c_str() + 9);
  }
  f.swap_used = (total - free) * 1024;
  f.cpu_quota = cpu_quota();
  if (const auto& limit = environment.at("cgroup_memory_bytes"); limit.is_number()) f.memory_limit = bytes_text(limit);
  f.steal = steal_share();
  f.build_type = build_info().build_type;
#ifdef ATTNBENCH_SANITIZED
  f.sanitized = true;
#endif
  f.openblas_parallel = openblas_get_parallel();
  f.openblas_core = environment.at("openblas_core");
  f.isa = environment.at("isa");
  f.counters_error = Counters().error();
  f.perf_paranoid = std::atoi(first_line("/proc/sys/kernel/perf_event_paranoid").c_str());
  return f;
}

std::vector<Check> judge_machine(const MachineFacts& f) {
  return {judge_build(f),    judge_load(f),     judge_steal(f),    judge_governor(f),     judge_turbo(f),
          judge_siblings(f), judge_quota(f),    judge_affinity(f), judge_memory_limit(f), judge_huge_pages(f),
          judge_swap(f),     judge_openblas(f), judge_counters(f)};
}

}  // namespace attnbench
