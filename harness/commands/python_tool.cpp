#include "harness/commands/python_tool.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>

#include "harness/support/child.h"
#include "harness/support/paths.h"

namespace attnbench {
namespace {

constexpr int kMissingPackages = 3;  // exit code of kCheck
constexpr int kFailed = 1;
constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

// Prints nothing and is quick: it looks for the packages without importing them.
constexpr const char* kCheck =
    "import importlib.util as u, sys; "
    "sys.exit(3 if [m for m in ('numpy', 'scipy', 'pandas', 'matplotlib', 'jinja2') if u.find_spec(m) is None] else 0)";

volatile pid_t child = 0;

// Ctrl-C reaches the child without help: the terminal signals the whole foreground group. Only `kill PID` does not.
void pass_on(int signal, siginfo_t* info, void*) {
  if (info->si_code <= 0 && child > 0) ::kill(child, signal);
}

/// While it lives, signals end the child, which knows how to stop cleanly, and not this process.
class SignalForwarder {
 public:
  SignalForwarder() {
    struct sigaction action {};
    action.sa_sigaction = pass_on;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    for (const int signal : kSignals) {
      auto& previous = previous_.emplace_back();
      ::sigaction(signal, &action, &previous);
      if (previous.sa_handler == SIG_IGN) ::sigaction(signal, &previous, nullptr);  // as nohup asks
    }
  }
  ~SignalForwarder() {
    for (std::size_t i = 0; i < previous_.size(); ++i) ::sigaction(kSignals[i], &previous_[i], nullptr);
  }
  SignalForwarder(const SignalForwarder&) = delete;
  SignalForwarder& operator=(const SignalForwarder&) = delete;

 private:
  std::vector<struct sigaction> previous_;
};

// Runs a module of the folder that is the first argument. With -m, modules would be looked for in the current folder too.
constexpr const char* kRunModule =
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)";

/// Runs the interpreter isolated (-I: neither the current folder nor PYTHON* variables say where code comes from) and waits; it
/// ends when this process does. Returns its exit code, -1 when it cannot be started or dies of a signal.
int run_python(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {python_interpreter(), "-I"});
  const SignalForwarder guard;
  try {
    child = start_child(arguments, {.signal_at_our_death = SIGTERM});
  } catch (const std::system_error&) {
    return -1;
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  child = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int complain(const std::string& what, const std::string& why) {
  std::cerr << "attnbench: no " << what << ": " << why << "\n";
  return kFailed;
}

}  // namespace

std::string how_to_get_packages() {
  std::error_code ignored;
  const auto setup = source_tree() + "/scripts/setup.sh";
  if (std::filesystem::exists(setup, ignored)) return "run " + setup + ", or set ATTNBENCH_PYTHON to an interpreter that has them";
  return "run `python3 -m venv VENV && VENV/bin/pip install -r " + reports_dir() +
         "/requirements.txt` and set ATTNBENCH_PYTHON=VENV/bin/python";
}

int run_python_tool(const std::string& what, const std::string& module, std::vector<std::string> arguments) {
  const auto python = python_interpreter();
  const int check = run_python({"-c", kCheck});
  if (check == kMissingPackages) return complain(what, python + " lacks packages; " + how_to_get_packages());
  if (check != 0) return complain(what, "cannot start " + python + "; set ATTNBENCH_PYTHON to a Python 3 interpreter");
  arguments.insert(arguments.begin(), {"-c", kRunModule, reports_dir(), module});
  const int code = run_python(std::move(arguments));
  return code < 0 ? complain(what, module + " was killed") : code;
}

void add_debug_option(CLI::App& command) {
  command.add_flag_callback(
      "--debug", [] { setenv("ATTNBENCH_DEBUG", "1", 1); }, "show where in the Python package an error arose");
}

int make_report(const std::vector<std::string>& runs, const ReportOptions& options) {
  auto arguments = runs;
  arguments.insert(arguments.end(), {"--out", options.out});
  if (!options.baseline.empty()) arguments.push_back("--baseline=" + options.baseline);
  if (!options.fail_on.empty()) arguments.insert(arguments.end(), {"--fail-on", options.fail_on});
  if (options.quiet) arguments.emplace_back("--quiet");
  return run_python_tool("report", "attnbench", std::move(arguments));
}

}  // namespace attnbench
