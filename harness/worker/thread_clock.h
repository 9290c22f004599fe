// Thread clock: the CPU time of this process, and the part of it that the threads of an arena spent. What is left was spent by
// threads that somebody else started.
#pragma once

#include <sys/types.h>

#include <map>
#include <mutex>

namespace attnbench {

class ThreadClock {
 public:
  /// Counts the threads that this process has now: those of libraries that it is linked with, which may spin for a while.
  void add_all_threads();
  /// Counts the calling thread from now on.
  void add_this_thread();
  /// CPU seconds of all threads added, since each was.
  double seconds() const;

 private:
  mutable std::mutex mutex_;
  std::map<pid_t, double> threads_;  // with what each had spent when it was added
};

/// CPU seconds of all threads of this process, those that have ended included.
double process_cpu_seconds();

}  // namespace attnbench
