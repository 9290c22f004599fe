// Process: starts a program, feeds it one input, and waits for its answer whatever it does: exit, crash, hang, or talk rubbish.
//
// The answer comes on a pipe of its own (descriptor 3); standard output and error go to another, of which the last lines are kept
// as the explanation of a crash. The child leads its own process group, so Ctrl-C on the terminal reaches only the parent.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace attnbench {

constexpr int kAnswerDescriptor = 3;

struct ProcessSpec {
  std::vector<std::string> command;    // program (a path) and its arguments
  std::string input;                   // written to standard input, which is then closed
  double timeout_seconds = 60;         // then the whole process group is killed
  double linger_seconds = 5;           // and so long after a whole line of answer, which counts all the same
  std::function<bool()> keep_going{};  // called about ten times a second while waiting; false kills the group
};

struct ProcessOutcome {
  enum class End { exited, signaled, timed_out, stopped, output_limit_exceeded, not_started };
  End end = End::exited;
  int code = 0;                       // exit status, signal number, or errno of a start that failed
  std::string answer;                 // all that came on the answer pipe
  std::string stderr_tail;            // the last line written to standard output or error that was not blank
  double wall_seconds = 0;            // from the start to the end of the child
  bool lingered = false;              // it had answered, and was killed because it would not end
  bool kernel_out_of_memory = false;  // the kernel's out-of-memory killer struck while the child lived
};

/// Bytes of an answer; a child that says more is killed (End::output_limit_exceeded). Real ones are a few kilobytes.
constexpr std::size_t kAnswerLimit = 4u << 20;

ProcessOutcome run_process(const ProcessSpec& spec);

/// Called by a child about itself: be the kernel's first choice when memory runs out, leave no core file, and own at most
/// `memory_limit` bytes of private data (0: no limit).
void apply_process_limits(double memory_limit);

/// Writes one line to the answer pipe. False when the reader is gone.
bool answer(const std::string& line);

}  // namespace attnbench
