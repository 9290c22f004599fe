#include "harness/measure/environment.h"

#include <cblas.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "harness/measure/cpu_use.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/timer.h"
#include "harness/support/build_info.h"
#include "harness/support/hash.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "variants/api/error.h"
#include "variants/kernels/simd/isa.h"

namespace attnbench {
namespace {

constexpr double kGiB = 1024.0 * 1024 * 1024;

std::string first_line(const std::string& path, const std::string& otherwise = "unknown") {
  std::ifstream file(path);
  std::string line;
  return std::getline(file, line) && !line.empty() ? line : otherwise;
}

// The value after "name<spaces>:" or "name=" in a file of such lines.
std::string value_of(const std::string& path, const std::string& name, char separator) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto at = line.find(separator);
    if (!line.starts_with(name) || at == std::string::npos || line.find_first_not_of(" \t", name.size()) != at) continue;
    const auto begin = line.find_first_not_of(" \t\"", at + 1);
    const auto end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? "unknown" : line.substr(begin, end - begin + 1);
  }
  return "unknown";
}

std::string cpu_model() {
  for (const char* name : {"model name", "Model", "Hardware", "cpu model"}) {
    const auto model = value_of("/proc/cpuinfo", name, ':');
    if (model != "unknown") return model;
  }
  return "unknown";
}

double meminfo_bytes(const std::string& name) { return std::strtod(value_of("/proc/meminfo", name, ':').c_str(), nullptr) * 1024; }

int usable_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return CPU_COUNT(&set);
}

// Limit of the container's memory group, version 2 or 1; null where there is none below the machine's memory.
Json cgroup_memory(double machine_bytes) {
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const auto text = first_line(path, "");
    const double bytes = std::strtod(text.c_str(), nullptr);
    if (bytes > 0 && bytes < machine_bytes) return static_cast<std::int64_t>(bytes);
  }
  return nullptr;
}

// The word in brackets of "always [madvise] never".
std::string bracketed(const std::string& text) {
  const auto open = text.find('['), close = text.find(']');
  return open == std::string::npos || close == std::string::npos ? text : text.substr(open + 1, close - open - 1);
}

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : 0;
}

// Intel's driver says when it is off, every other when it is on; neither file where the machine does not tell.
bool turbo_on() {
  return first_line("/sys/devices/system/cpu/intel_pstate/no_turbo", "") == "0" ||
         first_line("/sys/devices/system/cpu/cpufreq/boost", "") == "1";
}

bool sanitized() {
#ifdef ATTNBENCH_SANITIZED
  return true;
#else
  return false;
#endif
}

std::string kernel() {
  utsname name{};
  ::uname(&name);
  return std::string(name.sysname) + " " + name.release + " " + name.machine;
}

}  // namespace

std::optional<double> other_work_beside(double load, int cores) {
  if (load <= kBusyShare * cores) return std::nullopt;
  static const auto cores_busy = other_work_cores_now();
  return cores_busy;
}

bool is_busy(double load, std::optional<double> other_work_cores, int cores) {
  return load > kBusyShare * cores && other_work_cores.value_or(load) > kBusyShare * cores;
}

std::vector<std::string> warnings_for(const Conditions& c) {
  std::vector<std::string> warnings;
  if (c.build_type != "Release")
    warnings.push_back("built as " + c.build_type + ": times mean little; build with cmake --preset release");
  if (c.sanitized) warnings.push_back("built with sanitizers: times and memory mean nothing");
  if (c.openblas_parallel != OPENBLAS_THREAD)
    warnings.push_back(std::string("OpenBLAS is its ") + (c.openblas_parallel == OPENBLAS_SEQUENTIAL ? "serial" : "OpenMP") +
                       " flavour, unsafe or slow under TBB; install libopenblas-pthread-dev");
  if (is_busy(c.load, c.other_work_cores, c.cores)) {
    const auto seen = c.other_work_cores ? fmt::format("other work keeps {:.1f} of {} cores busy", *c.other_work_cores, c.cores)
                                         : fmt::format("load {:.2f} on {} cores", c.load, c.cores);
    warnings.push_back("the machine is busy (" + seen + "); times will scatter, stop other work");
  }
  if (c.threads > c.cores)
    warnings.push_back(
        fmt::format("{} threads on {} usable cores: they will wait for each other; ask for fewer", c.threads, c.cores));
  if (c.governor != "unknown" && c.governor != "performance")
    warnings.push_back("the CPU governor is " + c.governor +
                       "; set performance for steady times (cpupower frequency-set -g performance)");
  if (c.turbo)
    warnings.push_back(
        "turbo is on: the clock depends on heat and on what other cores do; for steady times write 1 to "
        "/sys/devices/system/cpu/intel_pstate/no_turbo, or 0 to /sys/devices/system/cpu/cpufreq/boost");
  if (c.swap_used > 0.1 * kGiB)
    warnings.push_back(fmt::format("{:.1f} GiB of swap in use; times may include the disk", c.swap_used / kGiB));
  return warnings;
}

Json describe_environment(int threads) {
  const auto& build = build_info();
  const double memory = meminfo_bytes("MemTotal"), load = load_average();
  const int cores = usable_cores();
  const Conditions conditions{.build_type = build.build_type,
                              .sanitized = sanitized(),
                              .openblas_parallel = openblas_get_parallel(),
                              .load = load,
                              .other_work_cores = other_work_beside(load, cores),
                              .cores = cores,
                              .threads = threads,
                              .governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
                              .turbo = turbo_on(),
                              .swap_used = meminfo_bytes("SwapTotal") - meminfo_bytes("SwapFree")};
  return {{"cpu_model", cpu_model()},
          {"cores", conditions.cores},
          {"isa", kernels::current_isa()},
          {"governor", conditions.governor},
          {"memory_bytes", static_cast<std::int64_t>(memory)},
          {"cgroup_memory_bytes", cgroup_memory(memory)},
          {"load_1m", conditions.load},
          {"transparent_hugepages", bracketed(first_line("/sys/kernel/mm/transparent_hugepage/enabled"))},
          {"numa_nodes", std::max(1, count_listed(first_line("/sys/devices/system/node/online")))},
          {"kernel", kernel()},
          {"os", value_of("/etc/os-release", "PRETTY_NAME", '=')},
          {"compiler", build.compiler},
          {"flags", build.flags},
          {"build_type", build.build_type},
          {"git_sha", build.git_sha},
          {"git_dirty", build.git_dirty},
          {"attnbench", build.version},
          {"openblas", openblas_get_config()},
          {"openblas_core", openblas_get_corename()},
          {"tbb", tbb_version()},
          {"google_benchmark", ATTNBENCH_GOOGLE_BENCHMARK_VERSION},
          {"clock_resolution_s", clock_resolution()},
          {"warnings", warnings_for(conditions)}};
}

std::string machine_id(const Json& environment) {
  const double gibibytes =
      std::round(environment.at("memory_bytes").get<double>() / kGiB);  // a new kernel takes a little more or less
  return fingerprint(
      fmt::format("{}|{}|{}", environment.at("cpu_model").get<std::string>(), environment.at("cores").get<int>(), gibibytes));
}

}  // namespace attnbench
