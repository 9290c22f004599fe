#include "harness/measure/pinning.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string_view>

#include "harness/support/cache_sizes.h"

namespace attnbench {
namespace {

bool switched_off() {
  const char* value = std::getenv("ATTNBENCH_PIN");
  return value != nullptr && std::string_view(value) == "off";
}

}  // namespace

std::vector<int> spread(const std::vector<Cpu>& allowed, int current, int threads) {
  if (threads < 2 || static_cast<std::size_t>(threads) > allowed.size()) return {};
  auto cpus = allowed;
  const auto here = std::find_if(cpus.begin(), cpus.end(), [&](const Cpu& cpu) { return cpu.number == current; });
  if (here != cpus.end()) std::rotate(cpus.begin(), here, cpus.end());
  std::map<std::string, int> taken;  // threads on each physical core
  std::vector<std::pair<int, int>> order;
  for (const auto& cpu : cpus) order.emplace_back(cpu.siblings.empty() ? 0 : taken[cpu.siblings]++, cpu.number);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<int> chosen;
  for (int i = 0; i < threads; ++i) chosen.push_back(order[static_cast<std::size_t>(i)].second);
  return chosen;
}

std::vector<int> cpus_for(int threads) {
  cpu_set_t usable;
  if (switched_off() || ::sched_getaffinity(0, sizeof usable, &usable) != 0) return {};
  std::vector<Cpu> allowed;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &usable)) allowed.push_back({cpu, thread_siblings(cpu)});
  return spread(allowed, ::sched_getcpu(), threads);
}

bool pin_this_thread(int cpu) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return ::sched_setaffinity(0, sizeof one, &one) == 0;
}

Pinned::Pinned(std::optional<int> cpu) {
  restore_ = cpu && ::sched_getaffinity(0, sizeof before_, &before_) == 0 && pin_this_thread(*cpu);
}

Pinned::~Pinned() {
  if (restore_) ::sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace attnbench
