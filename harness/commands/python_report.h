// The report is made by the Python package attnbench_reports; this starts it.
#pragma once

#include <string>
#include <vector>

namespace attnbench {

/// Makes the report of some run directories into `out`. Returns false, having said why in one line on standard error, when the
/// interpreter or its packages are missing or the package failed.
bool make_report(const std::vector<std::string>& runs, const std::string& out);

}  // namespace attnbench
