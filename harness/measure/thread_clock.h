// Thread clock: the CPU time of this process, and the part of it spent by the threads of an arena. The rest was spent by threads
// started outside of it, such as those of a plugin.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <vector>

namespace attnbench {

class ThreadClock {
 public:
  ThreadClock();
  /// Counts the calling thread from now on.
  void add_this_thread();
  /// Counts the other threads that this process has now: those of libraries that it is linked with, which may spin for a while.
  void add_earlier_threads();
  /// CPU seconds of all threads added, since each was.
  double seconds() const;
  /// Those of the earlier threads alone.
  double earlier_seconds() const;

 private:
  struct Known {
    pid_t thread;
    double before;  // what it had spent when it was added
    bool earlier;
  };
  void add(pid_t thread, bool earlier);
  double sum(bool earlier_only) const;
  mutable std::mutex mutex_;
  std::vector<Known> threads_;
};

/// CPU seconds of all threads of this process, those that have ended included.
double process_cpu_seconds();

}  // namespace attnbench
