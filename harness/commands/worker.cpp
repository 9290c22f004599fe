#include "harness/worker/worker.h"

#include <CLI/CLI.hpp>

#include "harness/commands/commands.h"
#include "harness/doctor/synthetic.h"

namespace attnbench {

void add_worker(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("worker", "One job of a run, started by the orchestrator: JSON in, one JSON line out.");
  command->group("");  // not listed
  command->callback([&line] { line.exit_code = worker_process(&find_worker_variant); });
}

}  // namespace attnbench
