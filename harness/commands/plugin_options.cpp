#include "harness/commands/plugin_options.h"

#include <iostream>

#include "harness/paths.h"
#include "harness/plugins/catalogue.h"

namespace attnbench {

void add_plugin_option(CLI::App& command, PluginOptions& options) {
  command
      .add_option("--plugin", options.files,
                  "a shared library with more variants; repeatable. Those in the folders of ATTNBENCH_PLUGIN_PATH are loaded too")
      ->type_name("FILE")
      ->allow_extra_args(false);
}

void load(const PluginOptions& options) {
  for (const auto& line : load_plugins(options.files, self_path())) std::cerr << "attnbench: " << line << "\n";
}

}  // namespace attnbench
