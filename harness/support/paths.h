// Paths: where the files lie that the binary needs at run time. An installed binary finds them in ../share/attnbench, one in a
// build folder in the source tree it was built from.
#pragma once

#include <string>

namespace attnbench {

/// Path of this binary.
std::string self_path();

/// The source tree: the folder above the build folder, which may have been moved since the build; else the one it was built from.
/// For an installed binary the folder may be gone.
std::string source_tree();

/// Folder of the shipped plans: ATTNBENCH_PLANS, else share/attnbench/plans beside the binary, else harness/plans of the sources.
std::string plans_dir();

/// Folder of the templates of new-variant: ATTNBENCH_TEMPLATES, else share/attnbench/templates, else harness/templates of the
/// sources.
std::string templates_dir();

/// Folder that holds the Python package attnbench: ATTNBENCH_REPORTS, else share/attnbench/reports, else reports/ of the
/// sources.
std::string reports_dir();

/// File of a shipped plugin, attnbench_<name>.so: in <name>/ beside the binary or one folder up (a build folder), else in
/// lib/attnbench/<name>/ of an installed prefix. Throws UserError when it is in none of them.
std::string shipped_plugin(const std::string& name);

/// Python interpreter for the reports: ATTNBENCH_PYTHON, else .venv/bin/python of the source tree, else python3.
std::string python_interpreter();

}  // namespace attnbench
