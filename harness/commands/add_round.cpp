// add-round: what `attnbench compare` calls for each side after a round.
#include "harness/run/add_round.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "harness/commands/commands.h"

namespace attnbench {

void add_add_round(CLI::App& app, CommandLine& line) {
  auto round = std::make_shared<RoundToAdd>();
  auto* command = app.add_subcommand("add-round", "Add a run of one round to a run, as its round K.");
  command->group("");  // not listed
  command->add_option("RUN", round->run, "run directory that takes the round")->required();
  command->add_option("MEASURED", round->measured, "run directory of one round")->required();
  command->add_option("--number", round->number, "of the round, from 0")->type_name("K")->check(CLI::Range(0, 9999))->required();
  command->add_option("--planned", round->planned, "rounds in the end")->type_name("N")->check(CLI::Range(1, 10000))->required();
  command->callback([round, &line] {
    add_round(*round);
    line.exit_code = 0;
  });
}

}  // namespace attnbench
