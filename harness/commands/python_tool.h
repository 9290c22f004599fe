// Statistics, reports and comparisons are made by the Python package attnbench_reports; this starts its modules.
#pragma once

#include <string>
#include <vector>

namespace attnbench {

/// Runs `python -m MODULE ARGUMENTS...` with the project's interpreter and waits; a signal sent to this process alone is passed on.
/// Returns its exit code, which means what attnbench's own do. When it cannot be run or dies, says why in one line ("no WHAT: ...")
/// on standard error and returns 1.
int run_python_tool(const std::string& what, const std::string& module, std::vector<std::string> arguments);

/// Makes the report of some run directories into `out`; its summary goes to standard output. Returns as run_python_tool does: 2
/// when a run cannot be read, kFinding when the report is made and holds what `fail_on` asks for ("complexity"; empty: nothing).
int make_report(const std::vector<std::string>& runs, const std::string& out, const std::string& fail_on = {});

inline constexpr int kFinding = 3;
inline constexpr const char* kFailOnHelp = "exit 3 when, for `complexity`, a variant grows faster with n than it declares";

}  // namespace attnbench
