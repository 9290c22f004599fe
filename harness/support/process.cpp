#include "harness/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <system_error>

#include "harness/support/child.h"
#include "harness/support/file_descriptor.h"
#include "harness/support/keeper.h"

namespace attnbench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTickMilliseconds = 100;
constexpr int kReapMilliseconds = 2;        // between looks at a child that closed its pipes but lives on
constexpr std::size_t kLogTail = 16 << 10;  // bytes of standard output and error kept
constexpr int kReadsAtOnce = 16;            // 1 MiB; then the clock is looked at again, however fast the child talks

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Pipe {
  FileDescriptor read, write;
};

// Numbers from 10 up, out of the way of the four that the child's are moved onto.
// Throws std::system_error.
Pipe make_pipe() {
  constexpr int kLowest = 10;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category());
  const FileDescriptor low_read(ends[0]), low_write(ends[1]);
  Pipe pipe{FileDescriptor(::fcntl(ends[0], F_DUPFD_CLOEXEC, kLowest)), FileDescriptor(::fcntl(ends[1], F_DUPFD_CLOEXEC, kLowest))};
  // A limit on descriptors at or below kLowest is EINVAL to fcntl().
  if (!pipe.read.open() || !pipe.write.open()) throw std::system_error(errno == EINVAL ? EMFILE : errno, std::generic_category());
  return pipe;
}

// A child that dies before it has read its input must not take us along.
class IgnoreBrokenPipes {
 public:
  IgnoreBrokenPipes() : previous_(::signal(SIGPIPE, SIG_IGN)) {}
  ~IgnoreBrokenPipes() { ::signal(SIGPIPE, previous_); }

 private:
  sighandler_t previous_;
};

// Count of processes the kernel killed for memory since boot; -1 where not told.
long kernel_memory_kills() {
  std::ifstream file("/proc/vmstat");
  std::string name;
  long value = 0;
  while (file >> name >> value)
    if (name == "oom_kill") return value;
  return -1;
}

// A child while it runs: three pipes and a process number.
struct Running {
  pid_t child = 0;
  FileDescriptor input, answer, log;
  std::string unsent;
  std::string log_tail;
  int status = 0;
  bool reaped = false;

  bool reap() {
    if (!reaped) reaped = ::waitpid(child, &status, WNOHANG) == child;
    return reaped;
  }
  void kill_group() {
    ::kill(-child, SIGKILL);
    ::kill(child, SIGKILL);
    if (!reaped) ::waitpid(child, &status, 0);
    reaped = true;
  }
};

// Reads what is there without waiting, within bounds; closes the descriptor at the end of the stream.
void drain(FileDescriptor& from, std::string& into) {
  std::array<char, 65536> buffer;
  for (int i = 0; i < kReadsAtOnce && from.open(); ++i) {
    const auto count = ::read(from.get(), buffer.data(), buffer.size());
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) return from.close();
    into.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

void drain(Running& running, std::string& answer_text) {
  drain(running.answer, answer_text);
  drain(running.log, running.log_tail);
  if (running.log_tail.size() > kLogTail) running.log_tail.erase(0, running.log_tail.size() - kLogTail);
}

void feed(Running& running) {
  const auto count = ::write(running.input.get(), running.unsent.data(), running.unsent.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count > 0) running.unsent.erase(0, static_cast<std::size_t>(count));
  if (count <= 0 || running.unsent.empty()) running.input.close();  // a child that reads nothing is its own affair
}

void exchange_once(Running& running, std::string& answer_text) {
  std::array<pollfd, 3> fds{pollfd{running.input.get(), POLLOUT, 0}, pollfd{running.answer.get(), POLLIN, 0},
                            pollfd{running.log.get(), POLLIN, 0}};
  const bool all_closed = !running.answer.open() && !running.log.open();
  ::poll(fds.data(), fds.size(), all_closed ? kReapMilliseconds : kTickMilliseconds);
  if (running.input.open()) feed(running);
  drain(running, answer_text);
}

std::string last_line(const std::string& text) {
  const auto printable = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  const auto end = std::find_if(text.rbegin(), text.rend(), printable).base();
  const auto begin = std::find(std::make_reverse_iterator(end), text.rend(), '\n').base();
  std::string line(begin, end);
  std::erase_if(line, [](char c) { return static_cast<unsigned char>(c) < ' '; });
  return line.substr(0, 300);
}

// Waits for the child's end in one of the ways it can come.
void wait_for_end(const ProcessSpec& spec, Running& running, ProcessOutcome& outcome, Clock::time_point begin) {
  using End = ProcessOutcome::End;
  auto answered = begin;
  while (!running.reap()) {
    exchange_once(running, outcome.answer);
    if (!outcome.answer.ends_with('\n')) answered = Clock::now();
    // OpenBLAS, for one, waits at the exit of a process for a thread that asks for memory for ever where there is none.
    outcome.lingered = seconds_since(answered) > spec.linger_seconds;
    if (outcome.lingered) outcome.end = End::exited;
    else if (outcome.answer.size() > kAnswerLimit) outcome.end = End::output_limit_exceeded;
    else if (seconds_since(begin) > spec.timeout_seconds) outcome.end = End::timed_out;
    else if (spec.keep_going && !spec.keep_going()) outcome.end = End::stopped;
    else continue;
    return running.kill_group();
  }
  ::kill(-running.child, SIGKILL);  // whatever the child left behind
  drain(running, outcome.answer);   // a pipe holds less than one drain() takes
  const bool signaled = WIFSIGNALED(running.status);
  outcome.end = signaled ? End::signaled : outcome.answer.size() > kAnswerLimit ? End::output_limit_exceeded : End::exited;
  outcome.code = signaled ? WTERMSIG(running.status) : WEXITSTATUS(running.status);
}

ProcessOutcome not_started(int error) {
  ProcessOutcome outcome;
  outcome.end = ProcessOutcome::End::not_started;
  outcome.code = error;
  return outcome;
}

}  // namespace

ProcessOutcome run_process(const ProcessSpec& spec) {
  const IgnoreBrokenPipes guard;
  ProcessOutcome outcome;
  Running running;
  const auto begin = Clock::now();
  const long kills_before = kernel_memory_kills();
  const Descendants descendants;
  try {
    Pipe input = make_pipe(), answer_pipe = make_pipe(), log = make_pipe();
    running.child = start_kept_child(spec.command, {.descriptors = {{input.read.get(), STDIN_FILENO},
                                                                    {log.write.get(), STDOUT_FILENO},
                                                                    {log.write.get(), STDERR_FILENO},
                                                                    {answer_pipe.write.get(), kAnswerDescriptor}},
                                                    .own_group = true});
    running.input = std::move(input.write);
    running.answer = std::move(answer_pipe.read);
    running.log = std::move(log.read);
  } catch (const std::system_error& error) {
    return not_started(error.code().value());
  }
  running.unsent = spec.input;
  for (const FileDescriptor* end : {&running.input, &running.answer, &running.log}) ::fcntl(end->get(), F_SETFL, O_NONBLOCK);

  wait_for_end(spec, running, outcome, begin);
  descendants.kill_all();
  outcome.wall_seconds = seconds_since(begin);
  outcome.stderr_tail = last_line(running.log_tail);
  outcome.kernel_out_of_memory = kernel_memory_kills() > kills_before;
  return outcome;
}

void apply_process_limits([[maybe_unused]] double memory_limit) {
  std::ofstream("/proc/self/oom_score_adj") << 1000;
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
#ifndef ATTNBENCH_SANITIZED  // sanitizers reserve terabytes
  if (memory_limit > 0) {
    const auto bytes = static_cast<rlim_t>(memory_limit);
    const rlimit limit{bytes, bytes};
    ::setrlimit(RLIMIT_DATA, &limit);
  }
#endif
}

bool answer(const std::string& line) {
  const std::string text = line + "\n";
  std::size_t sent = 0;
  while (sent < text.size()) {
    const auto count = ::write(kAnswerDescriptor, text.data() + sent, text.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace attnbench
