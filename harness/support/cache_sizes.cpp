#include "harness/support/cache_sizes.h"

#include <sched.h>

#include <fstream>
#include <map>
#include <set>
#include <string>

#include "harness/support/text.h"

namespace attnbench {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// "32768K" in the words of parse_count().
std::int64_t cache_bytes(std::string size) {
  for (char& c : size)
    if (c == 'K' || c == 'M') c = static_cast<char>(c - 'A' + 'a');
  return parse_count(size).value_or(0);
}

struct Cache {
  std::int64_t bytes = 0;
  std::string cpus;  // that share it, "0-7": what tells one from another
};

Cache largest_cache(int cpu) {
  const auto folder = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache/index";
  Cache largest;
  for (int index = 0;; ++index) {
    const auto level = folder + std::to_string(index);
    const auto size = first_line(level + "/size");
    if (size.empty()) return largest;
    if (cache_bytes(size) > largest.bytes) largest = {cache_bytes(size), first_line(level + "/shared_cpu_list")};
  }
}

}  // namespace

std::int64_t last_level_cache_bytes() {
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return largest_cache(0).bytes;
  std::map<std::string, std::int64_t> caches;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &usable)) continue;
    const auto cache = largest_cache(cpu);
    caches[cache.cpus] = cache.bytes;
  }
  std::int64_t total = 0;
  for (const auto& [cpus, bytes] : caches) total += bytes;
  return total;
}

std::string thread_siblings(int cpu) {
  return first_line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
}

int physical_cores() {
  cpu_set_t usable;
  if (::sched_getaffinity(0, sizeof usable, &usable) != 0) return 0;
  std::set<std::string> cores;  // by the logical CPUs that share each
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &usable)) continue;
    const auto siblings = thread_siblings(cpu);
    if (siblings.empty()) return 0;
    cores.insert(siblings);
  }
  return static_cast<int>(cores.size());
}

}  // namespace attnbench
