// Installation: where the external libraries are on this machine, which versions, and why one cannot be had. Everything lies beside
// this plugin: backends/<name>.so, the adapter's Python package in python/, and the Python environment that
// scripts/external.sh set up behind the link venv. ATTNBENCH_EXTERNAL_PYTHON names another interpreter to use instead.
#pragma once

#include <optional>
#include <string>

#include "variants/external/external_variant.h"

namespace attnbench::external {

/// The plugin's own folder.
const std::string& home_dir();
/// The interpreter of the external libraries' environment; it may not exist.
std::string interpreter();
/// Path of the backend's shared library; it may not exist.
std::string backend_path(const ExternalVariant& external);
/// "torch 2.13.0+cpu", read off the environment's metadata without starting Python; empty when not known.
std::string installed_version(const ExternalVariant& external);
/// One line on why no problem at all can run; empty when nothing speaks against it.
std::optional<std::string> why_unavailable(const ExternalVariant& external);

}  // namespace attnbench::external
