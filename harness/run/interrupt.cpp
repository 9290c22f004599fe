#include "harness/run/interrupt.h"

namespace attnbench {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
volatile std::sig_atomic_t raised = 0;

// Not instrumented: what ThreadSanitizer would add to it may change errno, which it then reports.
[[gnu::no_sanitize_thread]] void raise_flag(int) { raised = 1; }

}  // namespace

InterruptGuard::InterruptGuard() {
  raised = 0;
  struct sigaction action {};
  action.sa_handler = raise_flag;  // no SA_RESTART: a wait ends at once
  sigemptyset(&action.sa_mask);
  for (const int signal : kSignals) {
    previous_.emplace_back();
    ::sigaction(signal, &action, &previous_.back());
    // nohup and background jobs of a script ask for signals to be ignored; that stays so.
    if (previous_.back().sa_handler == SIG_IGN) ::sigaction(signal, &previous_.back(), nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < previous_.size(); ++i) ::sigaction(kSignals[i], &previous_[i], nullptr);
}

bool InterruptGuard::interrupted() const { return raised != 0; }

}  // namespace attnbench
