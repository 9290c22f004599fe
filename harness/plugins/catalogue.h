// Catalogue: the variants there are, built in and from plugins. One per process: plugins are loaded first thing and stay.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/plugins/loader.h"
#include "harness/support/json_fwd.h"

namespace attnbench {

/// The built-in variants, sorted by name, then those of the plugins in the order loaded.
std::span<const Variant* const> known_variants();
/// The variant of that name, or null.
const Variant* find_known_variant(std::string_view name);

/// The plugin a variant came from; null for a built-in one.
const Plugin* plugin_of(const Variant& variant);
/// The same for the adapter that stands for it.
const plugins::Adapter* adapter_of(const Variant& variant);

/// {file, hash, name, version} of it; null for a built-in one.
Json plugin_json(const Variant& variant);
/// In the order loaded.
std::span<const std::unique_ptr<const Plugin>> loaded_plugins();

/// Adds a plugin's variants to the catalogue; a file that is loaded already is left alone. Throws UserError: see open_plugin(), or
/// a name that another variant has.
const Plugin& load_plugin(const std::string& file);

/// What the command line does before anything else: loads the plugins in the folders of ATTNBENCH_PLUGIN_PATH (separated by ':'),
/// then `files`. Each is tried in a child process first (`self`, this binary), so that one that crashes or hangs while it is loaded
/// is one line; one that does so only here ends this process with one line, too (crash_guard.h). Throws UserError for any of
/// `files` that cannot be used and for a name that appears twice. Returns a line for each file of the folders that was left out.
std::vector<std::string> load_plugins(std::span<const std::string> files, const std::string& self);

/// The child's side of it: the body of the hidden `plugin probe` subcommand.
int probe_plugin(const std::string& file);

}  // namespace attnbench
