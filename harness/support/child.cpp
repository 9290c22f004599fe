#include "harness/support/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

namespace attnbench {
namespace {

constexpr int kRounds = 100;  // of orphans that orphans left: more is a program that forks faster than it can be killed

// Between vfork() and exec the child runs on our memory: system calls only.
[[noreturn]] void become(char* const* argv, const ChildOptions& options, pid_t parent, const sigset_t& signals,
                         volatile int& error) {
  for (int number = 1; number < NSIG; ++number) {
    struct sigaction action {};
    if (::sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_IGN && action.sa_handler != SIG_DFL) {
      action.sa_handler = SIG_DFL;
      ::sigaction(number, &action, nullptr);
    }
  }
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  if (options.own_group) ::setpgid(0, 0);
  for (const auto& [ours, theirs] : options.descriptors)
    if (::dup2(ours, theirs) < 0) {
      error = errno;
      ::_exit(127);
    }
  if (options.signal_at_our_death != 0) {
    ::prctl(PR_SET_PDEATHSIG, options.signal_at_our_death);
    if (::getppid() != parent) ::_exit(127);  // it died before the line above
  }
  ::execvp(argv[0], argv);
  error = errno;
  ::_exit(127);
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::error_code ignored;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    std::ifstream file(thread.path() / "children");
    for (pid_t child = 0; file >> child;) found.push_back(child);
  }
  return found;
}

}  // namespace

pid_t start_child(const std::vector<std::string>& command, const ChildOptions& options) {
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const auto& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  volatile int error = 0;
  const pid_t parent = ::getpid();
  sigset_t all, before, none;
  sigfillset(&all);
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // a handler of ours must not run in the child, on our memory
  const pid_t child = ::vfork();
  if (child == 0) become(argv.data(), options, parent, none, error);
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) throw std::system_error(fork_error, std::generic_category());
  if (error != 0) {
    ::waitpid(child, nullptr, 0);
    throw std::system_error(error, std::generic_category());
  }
  return child;
}

Descendants::Descendants() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  before_ = children();
}

void Descendants::kill_all() const {
  for (int round = 0; round < kRounds; ++round) {
    bool found = false;
    for (const pid_t child : children()) {
      if (std::find(before_.begin(), before_.end(), child) != before_.end()) continue;
      found = true;
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    if (!found) return;
  }
}

}  // namespace attnbench
