#include "harness/measure/thread_clock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>

namespace attnbench {
namespace {

double clock_seconds(clockid_t clock) {
  timespec time{};
  if (::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The clock of a thread by its number, as the kernel encodes it (include/linux/posix-timers_types.h, MAKE_THREAD_CPUCLOCK); what
// pthread_getcpuclockid() gives for a handle.
double thread_seconds(pid_t thread) {
  constexpr unsigned kThreadClock = 4, kScheduled = 2;
  return clock_seconds(static_cast<clockid_t>(~static_cast<unsigned>(thread) << 3 | kThreadClock | kScheduled));
}

pid_t this_thread() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

}  // namespace

// Threads join while allocations are counted (allocation_counter.h), so room for them is made beforehand.
ThreadClock::ThreadClock() {
  constexpr std::size_t kRoom = 1024;
  threads_.reserve(kRoom);
}

void ThreadClock::add(pid_t thread, bool earlier) {
  for (const auto& known : threads_)
    if (known.thread == thread) return;
  threads_.push_back({thread, thread_seconds(thread), earlier});
}

void ThreadClock::add_earlier_threads() {
  const std::lock_guard lock(mutex_);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task", error))
    add(static_cast<pid_t>(std::atol(entry.path().filename().c_str())), true);
}

void ThreadClock::add_this_thread() {
  const std::lock_guard lock(mutex_);
  add(this_thread(), false);
}

double ThreadClock::seconds() const { return sum(false); }

double ThreadClock::earlier_seconds() const { return sum(true); }

double ThreadClock::sum(bool earlier_only) const {
  const std::lock_guard lock(mutex_);
  double seconds = 0;
  for (const auto& known : threads_)
    if (known.earlier || !earlier_only) seconds += std::max(0.0, thread_seconds(known.thread) - known.before);
  return seconds;
}

double process_cpu_seconds() { return clock_seconds(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace attnbench
