// Trust: a plan file or the run.json of a stored run can name a plugin, which is code, and the file may come from an untrusted
// source. Such a plugin is loaded only with explicit permission.
#pragma once

#include <string>

namespace attnbench {

/// Loads a plugin that the file `origin` names. What the user has loaded already (--plugin, ATTNBENCH_PLUGIN_PATH) stays as it is;
/// the plugins shipped with this attnbench, by name ("external") or by file, are loaded. Any other is loaded only where the user
/// trusts what such files name (`trusted`); else throws UserError with one line that says which plugin of which file, and how to
/// allow it.
void load_named_plugin(const std::string& plugin, const std::string& origin, bool trusted);

/// The options that name the plugins loaded now, for a command that is to find them again: " --plugin FILE" for each that is not
/// shipped.
std::string plugin_options_of_this_run();

}  // namespace attnbench
