// If these fail, a program that a plugin or a library has started goes on computing after the run that started it.
#include "harness/support/keeper.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <thread>

#include "harness/support/process.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

// A shell script that starts a daemon (two forks and a session of its own), which writes its number to a file.
std::string start_daemon(const std::string& file) {
  return "(setsid sh -c 'echo $$ >" + file + ".new; mv " + file + ".new " + file + "; exec sleep 1000' >/dev/null 2>&1 3>&- &); ";
}

std::string wait_for_file(const std::string& file) { return "while [ ! -e " + file + " ]; do sleep 0.01; done; "; }

// The process number in a file, once it is there.
long number_in(const std::string& file) {
  for (long number = 0;; std::this_thread::sleep_for(std::chrono::milliseconds(2)))
    if (std::ifstream(file) >> number) return number;
}

ProcessOutcome shell(const std::string& script) {
  return run_process({.command = {"/bin/sh", "-c", script}, .input = "", .timeout_seconds = 60});
}

}  // namespace

TEST_CASE("a daemon and the program that started it end with a run that is killed") {
  const TemporaryFolder folder;
  const auto daemon = folder / "daemon", worker = folder / "worker";
  const pid_t run = ::fork();
  REQUIRE(run >= 0);
  if (run == 0) {
    shell(start_daemon(daemon) + "echo $$ >" + worker + ".new; mv " + worker + ".new " + worker + "; sleep 1000");
    ::_exit(0);
  }
  const long daemon_number = number_in(daemon), worker_number = number_in(worker);
  ::kill(run, SIGKILL);
  ::waitpid(run, nullptr, 0);
  CHECK(dies_soon(daemon_number));
  CHECK(dies_soon(worker_number));
}

TEST_CASE("a daemon ends with its program, and with a keeper that is killed") {
  const TemporaryFolder folder;
  for (const char* end : {"exit 3", "kill -KILL $$", "kill -KILL $PPID; sleep 1000"}) {
    CAPTURE(end);
    const auto daemon = folder / "daemon";
    const auto outcome = shell(start_daemon(daemon) + wait_for_file(daemon) + end);
    CHECK(outcome.end == (end[0] == 'e' ? ProcessOutcome::End::exited : ProcessOutcome::End::signaled));
    CHECK(outcome.code == (end[0] == 'e' ? 3 : SIGKILL));
    CHECK(dies_soon(number_in(daemon)));
    std::remove(daemon.c_str());
  }
}

TEST_CASE("a program that signals its own group does not make the keeper give up") {
  CHECK(shell("trap '' TERM; kill -TERM 0; echo on >&3; exit 4").answer == "on\n");
  CHECK(shell("trap '' TERM; kill -TERM 0; exit 4").code == 4);
  CHECK(shell("kill -TERM $$; sleep 1000").code == SIGTERM);
}
