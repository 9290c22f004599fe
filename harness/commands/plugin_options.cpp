#include "harness/commands/plugin_options.h"

#include <iostream>

#include "harness/plugins/catalogue.h"
#include "harness/plugins/trust.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"

namespace attnbench {

void add_plugin_option(CLI::App& command, PluginOptions& options) {
  command
      .add_option("--plugin", options.files,
                  "a shared library with more variants; repeatable. Those in the folders of ATTNBENCH_PLUGIN_PATH are loaded too")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void add_trust_option(CLI::App& command, PluginOptions& options) {
  command.add_flag("--trust-plugins", options.trust,
                   "load the plugin files that a plan or a stored run names; without it, only those that --plugin names too");
}

void load(const PluginOptions& options) {
  for (const auto& line : load_plugins(options.files, self_path())) std::cerr << "attnbench: " << line << "\n";
}

void load_stored(const PluginOptions& options, const std::vector<std::string>& of_plan, const Json& run, const std::string& origin,
                 bool allow_mixed) {
  load(options);
  for (const auto& plugin : of_plan) load_named_plugin(plugin, origin, options.trust);
  for (const auto& variant : run.value("variants", Json::array())) {
    const auto plugin = variant.value("plugin", Json());
    if (!plugin.is_object()) continue;
    const auto file = plugin.at("file").get<std::string>(), name = variant.at("name").get<std::string>();
    if (find_known_variant(name) == nullptr) load_named_plugin(file, origin, options.trust);
    const auto* known = find_known_variant(name);
    const auto* now = known ? plugin_of(*known) : nullptr;
    if (now == nullptr)
      throw UserError("plugin " + file + " has no variant '" + name + "' any more; start a new run with another --out");
    const auto measured = plugin.at("hash").get<std::string>();
    if (now->hash != measured && !allow_mixed)
      throw UserError("plugin " + now->file + " is not the one that was measured (" + measured + ", this is " + now->hash +
                      "); start a new run with another --out, or add --allow-mixed");
  }
}

}  // namespace attnbench
