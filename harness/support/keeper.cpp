#include "harness/support/keeper.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <system_error>

#include "harness/support/file_descriptor.h"

namespace attnbench {
namespace {

constexpr int kAbandoned = 1;  // exit code of a keeper whose parent is gone, so it is never read

[[noreturn]] void end_like(int status) {
  if (WIFEXITED(status)) ::_exit(WEXITSTATUS(status));
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  const int number = WTERMSIG(status);
  ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::raise(number);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::_exit(128 + number);
}

// Waits for the end of the program (SIGCHLD) or of the parent (SIGTERM, sent by the kernel). Any other SIGTERM is
// ignored: the program, which is in the same process group, may send one.
[[noreturn]] void wait_and_clean_up(pid_t program, pid_t parent, const Descendants& descendants) {
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, SIGTERM);
  while (true) {
    int status = 0;
    for (pid_t child = 0; (child = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (child != program) continue;
      descendants.kill_all();
      end_like(status);
    }
    if (::sigwaitinfo(&awaited, nullptr) != SIGTERM || ::getppid() == parent) continue;
    descendants.kill_all();
    ::_exit(kAbandoned);
  }
}

[[noreturn]] void keep(const std::vector<std::string>& command, ChildOptions options, pid_t parent, int report) {
  if (options.own_group) ::setpgid(0, 0);
  ::signal(SIGCHLD, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kAbandoned);  // it died before the line above
  const Descendants descendants;
  options.own_group = false;
  options.signal_at_our_death = SIGKILL;
  int error = 0;
  pid_t program = 0;
  try {
    program = start_child(command, options);
  } catch (const std::system_error& failure) {
    error = failure.code().value();
  }
  const bool told = ::write(report, &error, sizeof error) == sizeof error;
  ::close_range(STDERR_FILENO + 1, UINT_MAX, 0);  // pipes and locks are the parent's
  if (error != 0 || !told) ::_exit(kAbandoned);
  wait_and_clean_up(program, parent, descendants);
}

}  // namespace

pid_t start_kept_child(const std::vector<std::string>& command, const ChildOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
  FileDescriptor read(ends[0]), write(ends[1]);
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // for good in the keeper: it waits for signals and handles none
  const pid_t parent = ::getpid();
  const pid_t keeper = ::fork();
  if (keeper == 0) keep(command, options, parent, write.get());
  const int fork_error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (keeper < 0) throw std::system_error(fork_error, std::generic_category());
  write.close();
  int error = ECHILD;  // a keeper that dies before it has said anything
  ssize_t count = 0;
  while ((count = ::read(read.get(), &error, sizeof error)) < 0 && errno == EINTR) {
  }
  if (count == sizeof error && error == 0) return keeper;
  ::waitpid(keeper, nullptr, 0);
  throw std::system_error(error, std::generic_category());
}

}  // namespace attnbench
