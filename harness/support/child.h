// Child: starts a program that ends with this process, and finds the processes that such programs leave behind.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

namespace attnbench {

struct ChildOptions {
  std::vector<std::pair<int, int>> descriptors{};  // {ours, the child's}, duplicated in this order
  bool own_group = false;                          // a process group of its own, which Ctrl-C on the terminal does not reach
  int signal_at_our_death = 0;                     // sent to the child when this thread ends, however it does
};

/// Starts a program, looked up in PATH when it is a plain name, with the signal handling of a fresh process. The signal at our
/// death is set before the program begins, so no moment is left at which `kill -9` of this process would leave the child behind.
/// Throws std::system_error when the process cannot be made or the program cannot be executed.
pid_t start_child(const std::vector<std::string>& command, const ChildOptions& options);

/// The processes that children leave behind: from its construction on, orphans of this process's children become its own children
/// (PR_SET_CHILD_SUBREAPER), also those that began a session of their own, as daemons do.
class Descendants {
 public:
  Descendants();
  /// Kills and reaps every child that was not there at construction, and then the orphans that this makes.
  void kill_all() const;

 private:
  std::vector<pid_t> before_;
};

}  // namespace attnbench
