#include "harness/plugins/crash_guard.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "harness/plugins/plain_text.h"
#include "variants/api/error.h"

namespace attnbench::plugins {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGALRM};
constexpr double kDefaultSeconds = 30;  // loading libtorch from a cold disk takes several
constexpr int kExitCode = 2;            // as for any other bad input
constexpr std::size_t kStack = 64 << 10;

bool enabled = false;
std::atomic<bool> active{false};
// Signal handlers may not allocate: their lines are written beforehand. The last is for exit().
std::array<std::array<char, 1024>, kSignals.size() + 1> lines;
std::array<struct sigaction, kSignals.size()> previous;
alignas(16) std::array<char, kStack> handler_stack;  // a stack that overflowed has no room for a handler
stack_t previous_stack;

[[noreturn]] void say_and_end(const char* line) {
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line, std::strlen(line));
  ::_exit(kExitCode);
}

void on_signal(int signal) {
  const auto at = std::find(kSignals.begin(), kSignals.end(), signal) - kSignals.begin();
  say_and_end(lines[static_cast<std::size_t>(at)].data());
}

void on_exit() {
  if (active) say_and_end(lines.back().data());
}

void write_line(std::array<char, 1024>& line, const std::string& text) {
  const auto cut = text.substr(0, line.size() - 2) + "\n";
  std::copy_n(cut.c_str(), cut.size() + 1, line.begin());
}

void write_lines(const std::string& plugin, const std::string& doing, double seconds) {
  const auto line = [&](const std::string& what) {
    return fmt::format("attnbench: plugin {}: {} {}; leave it out (--plugin, ATTNBENCH_PLUGIN_PATH)", plain_text(plugin), what,
                       doing);
  };
  for (std::size_t i = 0; i < kSignals.size(); ++i)
    write_line(lines[i],
               line(kSignals[i] == SIGALRM ? fmt::format("was not done after {:g} s", seconds)
                                           : fmt::format("raised signal {} ({})", kSignals[i], ::strsignal(kSignals[i]))));
  write_line(lines.back(), line("called exit()"));
}

void set_timer(double seconds) {
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(seconds);
  timer.it_value.tv_usec = static_cast<suseconds_t>((seconds - std::floor(seconds)) * 1e6);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

void CrashGuard::enable() {
  if (!enabled) std::atexit(on_exit);
  enabled = true;
}

CrashGuard::CrashGuard(const std::string& plugin, const std::string& doing) {
  if (!enabled || active) return;
  const double seconds = plugin_timeout_seconds();
  write_lines(plugin, doing, seconds);
  const stack_t stack{handler_stack.data(), 0, handler_stack.size()};
  ::sigaltstack(&stack, &previous_stack);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &action, &previous[i]);
  set_timer(seconds);
  active = active_ = true;
}

CrashGuard::~CrashGuard() {
  if (!active_) return;
  active = false;
  set_timer(0);
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &previous[i], nullptr);
  ::sigaltstack(&previous_stack, nullptr);
}

double plugin_timeout_seconds() {
  const char* text = std::getenv("ATTNBENCH_PLUGIN_TIMEOUT");
  if (text == nullptr || *text == '\0') return kDefaultSeconds;
  char* end = nullptr;
  const double seconds = std::strtod(text, &end);
  if (*end != '\0' || !(seconds > 0) || seconds > 86400)
    throw UserError(fmt::format("ATTNBENCH_PLUGIN_TIMEOUT: expected seconds above 0, at most 86400, got '{}'", plain_text(text)));
  return seconds;
}

}  // namespace attnbench::plugins
