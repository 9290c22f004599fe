// --plugin: the option with which commands that know variants learn about those of plugins.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "harness/support/json_fwd.h"

namespace attnbench {

struct PluginOptions {
  std::vector<std::string> files;
  bool trust = false;  // load those that plans and stored runs name, too
};

/// Declares --plugin on a command.
void add_plugin_option(CLI::App& command, PluginOptions& options);

/// Declares --trust-plugins on a command that takes plans.
void add_trust_option(CLI::App& command, PluginOptions& options);

/// Loads the plugins of ATTNBENCH_PLUGIN_PATH and of the option, before anything looks for a variant. A file of the path that is no
/// good is a line on standard error; anything else that is wrong throws UserError.
void load(const PluginOptions& options);

/// The same for a stored run that is to be carried on: also loads what it was started with, where the user allows it
/// (harness/plugins/trust.h): what its plan names, then what run.json (`origin`) says the variants came from. Throws UserError when
/// a plugin has changed since, unless `allow_mixed`.
void load_stored(const PluginOptions& options, const std::vector<std::string>& of_plan, const Json& run, const std::string& origin,
                 bool allow_mixed);

}  // namespace attnbench
