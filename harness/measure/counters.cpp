#include "harness/measure/counters.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace attnbench {
namespace {

constexpr CounterEvent kHardware[] = {{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
                                      {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
                                      {"llc_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
                                      {"branch_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES}};

// Without PERF_FORMAT_GROUP, which kernels before 6.13 refuse for events that threads inherit: each is read on its own.
int open_event(const CounterEvent& event, int leader) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = event.type;
  attributes.config = event.config;
  attributes.disabled = leader < 0;  // the others follow their leader
  attributes.inherit = 1;
  attributes.exclude_kernel = 1;
  attributes.exclude_hv = 1;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  return static_cast<int>(::syscall(SYS_perf_event_open, &attributes, 0, -1, leader, PERF_FLAG_FD_CLOEXEC));
}

}  // namespace

std::span<const CounterEvent> hardware_events() { return kHardware; }

Count count_of(const char* name, const CounterReading& reading) {
  const auto [value, enabled, running] = reading;
  if (running == 0 || running >= enabled) return {name, static_cast<double>(value), false};
  return {name, static_cast<double>(value) * static_cast<double>(enabled) / static_cast<double>(running), true};
}

Counters::Counters(std::span<const CounterEvent> events) {
  for (const auto& event : events) {
    const int file = open_event(event, opened_.empty() ? -1 : opened_.front().file);
    if (file >= 0) opened_.push_back({event.name, file});
    else if (error_ == 0) error_ = errno;
  }
}

Counters::~Counters() {
  for (const auto& event : opened_) ::close(event.file);
}

void Counters::start() {
  if (!opened_.empty()) ::ioctl(opened_.front().file, PERF_EVENT_IOC_ENABLE, PERF_IOC_FLAG_GROUP);
}

void Counters::stop() {
  if (!opened_.empty()) ::ioctl(opened_.front().file, PERF_EVENT_IOC_DISABLE, PERF_IOC_FLAG_GROUP);
}

std::vector<Count> Counters::counts() const {
  std::vector<Count> counts;
  for (const auto& event : opened_) {
    CounterReading reading;
    if (::read(event.file, &reading, sizeof reading) == sizeof reading && reading.running_ns > 0)
      counts.push_back(count_of(event.name, reading));
  }
  return counts;
}

std::optional<CountsPerCall> per_call(const std::vector<Count>& counts, std::int64_t calls) {
  if (counts.empty() || calls <= 0) return {};
  CountsPerCall result;
  for (const auto& count : counts) {
    result.values.emplace_back(count.name, count.value / static_cast<double>(calls));
    result.scaled |= count.scaled;
  }
  return result;
}

}  // namespace attnbench
