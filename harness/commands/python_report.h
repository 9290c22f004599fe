// The report is made by the Python package attnbench_reports; this starts it.
#pragma once

#include <string>
#include <vector>

namespace attnbench {

/// Makes the report of some run directories into `out`; its summary goes to standard output. Returns 0, or, having said why in one
/// line on standard error, 1 when the interpreter or its packages are missing or the package failed, 2 when a run cannot be read.
int make_report(const std::vector<std::string>& runs, const std::string& out);

}  // namespace attnbench
