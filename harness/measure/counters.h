// Counters: events that the processor counts while samples are taken, per thread and in user space only (perf_event_open(2)).
// Recorded with a time where the hardware has them and the system permits them; otherwise absent.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace attnbench {

struct CounterEvent {
  const char* name;  // in records: "cycles"
  std::uint32_t type;
  std::uint64_t config;
};

/// Cycles, instructions, misses of the last-level cache and mispredicted branches.
std::span<const CounterEvent> hardware_events();

/// What the kernel says of one event. Where there are more events than counters they take turns: `running_ns` of `enabled_ns` were
/// counted.
struct CounterReading {
  std::uint64_t value = 0, enabled_ns = 0, running_ns = 0;
};

struct Count {
  const char* name;
  double value = 0;     // scaled up to the whole time where only a part of it was counted
  bool scaled = false;  // whether it was
};

Count count_of(const char* name, const CounterReading& reading);

/// One group of events, so that all are counted during the same time, of the thread that makes it and of all threads and processes
/// that this one starts later.
class Counters {
 public:
  explicit Counters(std::span<const CounterEvent> events = hardware_events());
  ~Counters();
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;

  /// One system call each; nothing where no event could be opened.
  void start();
  void stop();
  /// Counted so far between start() and stop(). Events that the machine lacks, or that never got a counter, are missing.
  std::vector<Count> counts() const;
  /// Why no event could be opened, as errno; 0 when one could.
  int error() const { return opened_.empty() ? error_ : 0; }

 private:
  struct Opened {
    const char* name;
    int file;
  };
  std::vector<Opened> opened_;  // the first leads the group
  int error_ = 0;
};

/// What a call takes of each event; none where nothing was counted.
struct CountsPerCall {
  std::vector<std::pair<std::string, double>> values;  // by name: "cycles"
  bool scaled = false;                                 // whether one of them is
};
std::optional<CountsPerCall> per_call(const std::vector<Count>& counts, std::int64_t calls);

}  // namespace attnbench
