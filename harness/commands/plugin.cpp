// plugin: work on plugins themselves. `probe` is what load_plugins() starts in a child.
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/plugins/catalogue.h"

namespace attnbench {

void add_plugin(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("plugin", "Check a plugin against the whole contract.");
  command->require_subcommand(1);
  auto file = std::make_shared<std::string>();
  auto* probe = command->add_subcommand("probe", "Load one plugin, started by attnbench itself.");
  probe->group("");  // not listed
  probe->add_option("FILE", *file)->required();
  probe->callback([file, &line] { line.exit_code = probe_plugin(*file); });
}

}  // namespace attnbench
