#include "harness/commands/python_report.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <iostream>

#include "harness/paths.h"

namespace attnbench {
namespace {

constexpr int kMissingPackages = 3;  // exit code of kCheck
constexpr int kUnreadableRun = 2;    // exit code of the package, which has said why

// Prints nothing and is quick: it looks for the packages without importing them.
constexpr const char* kCheck =
    "import importlib.util as u, sys; "
    "sys.exit(3 if [m for m in ('numpy', 'scipy', 'pandas', 'matplotlib', 'jinja2') if u.find_spec(m) is None] else 0)";

/// Runs a program with PYTHONPATH set to the reports folder and waits. Returns its exit code, -1 when it cannot be started.
int run_python(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), python_interpreter());
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  setenv("PYTHONPATH", reports_dir().c_str(), 1);
  pid_t child = 0;
  if (posix_spawnp(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0) return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int complain(const std::string& what) {
  std::cerr << "attnbench: no report: " << what << "\n";
  return 1;
}

}  // namespace

int make_report(const std::vector<std::string>& runs, const std::string& out) {
  const auto python = python_interpreter();
  const int check = run_python({"-c", kCheck});
  if (check == kMissingPackages)
    return complain(python + " lacks packages; run scripts/setup.sh, or `pip install -r " + reports_dir() +
                    "/requirements.txt`, or set ATTNBENCH_PYTHON to an interpreter that has them");
  if (check != 0) return complain("cannot start " + python + "; set ATTNBENCH_PYTHON to a Python 3 interpreter");
  std::vector<std::string> arguments{"-m", "attnbench_reports"};
  arguments.insert(arguments.end(), runs.begin(), runs.end());
  arguments.insert(arguments.end(), {"--out", out});
  const int code = run_python(arguments);
  if (code == 0 || code == kUnreadableRun) return code;
  return complain("the report package failed (exit code " + std::to_string(code) + "); the records are not affected");
}

}  // namespace attnbench
