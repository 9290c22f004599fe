// Interrupt: Ctrl-C and SIGTERM become a flag that the run looks at between and during jobs.
#pragma once

#include <csignal>
#include <vector>

namespace attnbench {

/// While it lives, SIGINT, SIGTERM and SIGHUP only raise a flag. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  bool interrupted() const;

 private:
  std::vector<struct sigaction> previous_;
};

}  // namespace attnbench
