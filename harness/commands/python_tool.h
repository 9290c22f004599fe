// Statistics, reports and comparisons are made by the Python package attnbench; this starts its modules.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace attnbench {

/// Runs `python -m MODULE ARGUMENTS...` with the project's interpreter and waits; a signal sent to this process alone is passed on.
/// Returns its exit code, which means what attnbench's own do. When it cannot be run or dies, says why in one line ("no WHAT: ...")
/// on standard error and returns 1.
int run_python_tool(const std::string& what, const std::string& module, std::vector<std::string> arguments);

/// What to do where the interpreter lacks the packages that attnbench needs.
std::string how_to_get_packages();

/// --debug: what the package cannot do ends in a Python traceback instead of one line.
void add_debug_option(CLI::App& command);

inline constexpr int kFinding = 3;

struct ReportOptions {
  std::string out;       // folder of the report
  std::string baseline;  // variant that speed-ups are over; empty for the fastest exact one
  std::string fail_on;   // "complexity", or empty for nothing
  bool quiet = false;    // no summary on standard output
};

/// Makes the report of some run directories; its summary goes to standard output. Returns as run_python_tool does: 2 when a run
/// cannot be read, kFinding when the report is made and holds what `fail_on` asks for.
int make_report(const std::vector<std::string>& runs, const ReportOptions& options);

/// Whether there is a report after make_report() returned `code`.
constexpr bool is_made(int code) { return code == 0 || code == kFinding; }

inline constexpr const char* kOpenHelp = "open the report in the browser ($BROWSER, else xdg-open)";
inline constexpr const char* kBaselineHelp = "variant that speed-ups are over; default: the fastest exact variant";
inline constexpr const char* kFailOnHelp = "exit 3 when, for `complexity`, a variant grows faster with n than it declares";

}  // namespace attnbench
