// Pinning: each thread of an arena stays on a CPU of its own. Left to themselves, two threads that sleep and wake in short calls
// can share one CPU for a whole job while another is idle: without pinning, 38 to 116 of 120 probes of two threads found half the
// peak on a quiet machine (Linux 6.18, two cores, `attnbench run --plan smoke`), with it none.
#pragma once

#include <sched.h>

#include <optional>
#include <string>
#include <vector>

namespace attnbench {

struct Cpu {
  int number = 0;
  std::string siblings;  // the CPUs of its physical core, as Linux lists them: "0,8"; empty where it is not known
};

/// CPUs for `threads` threads: one for each physical core before a core gets a second thread, beginning with `current`, where the
/// calling thread runs. Empty, which means not pinned, for one thread and for more threads than CPUs.
std::vector<int> spread(const std::vector<Cpu>& allowed, int current, int threads);

/// spread() over the CPUs that this process may use, from the CPU of the calling thread on. Empty where ATTNBENCH_PIN=off.
std::vector<int> cpus_for(int threads);

/// Keeps the calling thread on one CPU for good; false where the system refuses.
bool pin_this_thread(int cpu);

/// Keeps the calling thread on a CPU, if there is one, until it is destroyed. Threads and processes that it starts meanwhile
/// inherit that.
class Pinned {
 public:
  explicit Pinned(std::optional<int> cpu);
  ~Pinned();
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;

 private:
  cpu_set_t before_{};
  bool restore_ = false;
};

}  // namespace attnbench
