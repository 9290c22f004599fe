// If these fail, a worker that crashes, hangs or babbles takes the whole run with it, or is blamed for something else.
#include "harness/support/process.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "harness/support/child.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;
using End = ProcessOutcome::End;

namespace {

ProcessOutcome shell(const std::string& script, double timeout = 30, const std::string& input = "") {
  return run_process({.command = {"/bin/sh", "-c", script}, .input = input, .timeout_seconds = timeout});
}

}  // namespace

TEST_CASE("an answer comes back on its own pipe, apart from what is printed") {
  const auto outcome = shell("echo printed; echo complained >&2; echo answered >&3; exit 4");
  CHECK(outcome.end == End::exited);
  CHECK(outcome.code == 4);
  CHECK(outcome.answer == "answered\n");
  CHECK(outcome.stderr_tail == "complained");
  CHECK(outcome.wall_seconds > 0);
}

TEST_CASE("input is passed on whole, however long, and a child that reads none is no trouble") {
  const std::string input(3'000'000, 'x');
  CHECK(shell("cat >&3", 30, input).answer == input);
  CHECK(shell("exit 0", 30, input).end == End::exited);
}

TEST_CASE("a signal is told apart from an exit") {
  const auto killed = shell("kill -KILL $$");
  CHECK(killed.end == End::signaled);
  CHECK(killed.code == SIGKILL);
  CHECK_FALSE(killed.kernel_out_of_memory);
  CHECK(shell("kill -SEGV $$").code == SIGSEGV);
}

TEST_CASE("a child that hangs is killed at its limit with all it started") {
  const auto outcome = shell("sleep 1000 & echo $! >&3; trap '' TERM; echo going; sleep 1000", 0.3);
  CHECK(outcome.end == End::timed_out);
  CHECK(dies_soon(std::stol(outcome.answer)));
  CHECK(outcome.stderr_tail == "going");
}

TEST_CASE("a child's child that keeps the pipes open does not hold up the end") {
  const auto outcome = shell("sleep 1000 & echo $! >&3");
  CHECK(outcome.end == End::exited);
  CHECK(dies_soon(std::stol(outcome.answer)));
}

TEST_CASE("a flood of output neither blocks the child nor is kept whole") {
  const auto outcome = shell("head -c 5000000 /dev/zero | tr '\\0' a; echo; echo the end; echo answered >&3");
  CHECK(outcome.end == End::exited);
  CHECK(outcome.stderr_tail == "the end");
  CHECK(outcome.answer == "answered\n");
}

TEST_CASE("an answer beyond all bounds ends the child that gives it") {
  const auto outcome = shell("yes answer >&3");
  CHECK(outcome.end == End::output_limit_exceeded);
  CHECK(outcome.answer.size() < 2 * kAnswerLimit);
  const auto quick = shell("head -c " + std::to_string(kAnswerLimit + 1) + " /dev/zero >&3");
  CHECK(quick.end == End::output_limit_exceeded);
  CHECK(shell("head -c " + std::to_string(kAnswerLimit) + " /dev/zero >&3").end == End::exited);
}

TEST_CASE("a child that talks without end is stopped at its limit all the same") {
  CHECK(shell("yes", 0.3).end == End::timed_out);
  int asked = 0;
  const auto called_off = run_process(
      {.command = {"/bin/sh", "-c", "yes"}, .input = "", .timeout_seconds = 60, .keep_going = [&] { return ++asked < 3; }});
  CHECK(called_off.end == End::stopped);
}

TEST_CASE("a child that has answered and will not end is ended, and its answer counts") {
  const auto outcome = run_process({.command = {"/bin/sh", "-c", "echo answered >&3; exec sleep 1000"},
                                    .input = "",
                                    .timeout_seconds = 60,
                                    .linger_seconds = 0.2});
  CHECK(outcome.end == End::exited);
  CHECK(outcome.lingered);
  CHECK(outcome.answer == "answered\n");
  const auto slow = run_process({.command = {"/bin/sh", "-c", "printf answ >&3; sleep 0.5; echo ered >&3; sleep 0.1"},
                                 .input = "",
                                 .timeout_seconds = 60,
                                 .linger_seconds = 0.2});
  CHECK(slow.answer == "answered\n");  // half a line is no answer yet
}

TEST_CASE("last words are one short printable line") {
  const auto outcome = shell("printf 'a\\033[31mb\\tc\\n\\n  \\n'");
  CHECK(outcome.stderr_tail == "a[31mbc");
  CHECK(shell("head -c 4000 /dev/zero | tr '\\0' a").stderr_tail.size() == 300);
}

TEST_CASE("the parent can call the wait off") {
  int asked = 0;
  const auto outcome = run_process(
      {.command = {"/bin/sleep", "1000"}, .input = "", .timeout_seconds = 60, .keep_going = [&] { return ++asked < 3; }});
  CHECK(outcome.end == End::stopped);
  CHECK(asked == 3);
}

TEST_CASE("a child dies with the process that started it, from its first moment on") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto parent = ::fork();
  if (parent == 0) {  // `sleep` never confines itself, as a worker does once it has read its job
    const auto child = start_child({"sleep", "1000"}, {.own_group = true, .signal_at_our_death = SIGKILL});
    [[maybe_unused]] const auto said = ::write(ends[1], &child, sizeof child);
    ::pause();
  }
  REQUIRE(parent > 0);
  pid_t child = 0;
  REQUIRE(::read(ends[0], &child, sizeof child) == sizeof child);
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(dies_soon(child));
}

TEST_CASE("a machine without a free descriptor is said so") {
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  for (const rlim_t least : {8, 12}) {
    const rlimit few{least, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &few);
    const auto outcome = run_process({.command = {"/bin/true"}, .input = ""});
    ::setrlimit(RLIMIT_NOFILE, &before);
    CHECK(outcome.end == End::not_started);
    CHECK(outcome.code == EMFILE);
  }
}

TEST_CASE("a program that is not there is said so") {
  const auto outcome = run_process({.command = {"/no/such/program"}, .input = ""});
  CHECK(outcome.end == End::not_started);
  CHECK(outcome.code == ENOENT);
}

TEST_CASE("a child that makes a session of its own does not outlive the one that started it") {
  const TemporaryFolder folder;
  const auto fifo = folder / "ready";
  const auto outcome = shell("mkfifo " + fifo + "; setsid sh -c 'echo $$ >&3; echo ready; exec sleep 1000 >/dev/null 3>&-' >" +
                             fifo + " & read ready <" + fifo);
  CHECK(outcome.end == End::exited);
  REQUIRE_FALSE(outcome.answer.empty());
  CHECK(dies_soon(std::stol(outcome.answer)));
}
