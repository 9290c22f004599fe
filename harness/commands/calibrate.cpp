// calibrate: measure this machine's ceilings, show them, keep them.
#include "harness/run/calibrate.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/commands/calibration_text.h"
#include "harness/commands/commands.h"
#include "harness/measure/environment.h"
#include "harness/run/calibration_file.h"
#include "harness/run/interrupt.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr double kQuickSeconds = 4, kFullSeconds = 30, kMostSeconds = 1e5;

struct Options {
  bool quick = false;
  bool json = false;
  std::string out;
  double seconds = 0;
};

std::string place_to_keep(const std::string& out) {
  const auto path = out.empty() ? calibration_path(machine_id(describe_environment(1))) : out;
  if (path.empty())
    throw UserError("nowhere to keep the calibration: HOME is not set; give --out FILE, or set ATTNBENCH_CALIBRATION");
  require_replaceable_calibration(path);
  return path;
}

int run(const Options& options) {
  if (!(options.seconds >= 0 && options.seconds <= kMostSeconds))
    throw UserError(
        fmt::format("--seconds {:g} is not from 0 to {:g}; give the seconds to measure for", options.seconds, kMostSeconds));
  const auto path = place_to_keep(options.out);
  const InterruptGuard guard;
  const auto made = calibrate({.self = self_path(),
                               .quick = options.quick,
                               .seconds = options.seconds > 0 ? options.seconds
                                          : options.quick     ? kQuickSeconds
                                                              : kFullSeconds,
                               .keep_going = [&] { return !guard.interrupted(); },
                               .announce = [](const std::string& what) { std::cerr << "measuring " << what << std::endl; }});
  if (!made) return kInterrupted;
  write_calibration(*made, path);
  if (options.json) std::cout << to_json(*made).dump(2) << "\n";
  else std::cout << calibration_text(*made) << "\nkept in " << path << std::endl;
  return 0;
}

}  // namespace

void add_calibrate(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("calibrate", "Measure peak FLOP/s and bandwidth: the roofline ceilings that results are held against.");
  command->add_flag("--quick", options->quick, "fewer sizes, tries and thread counts: about 5 s instead of 40");
  command->add_flag("--json", options->json, "print the stored JSON instead of tables");
  command
      ->add_option("--out", options->out,
                   "where to keep it; default: $ATTNBENCH_CALIBRATION, else a file per machine in ~/.cache/attnbench")
      ->type_name("FILE");
  command->add_option("--seconds", options->seconds, "time to spend on measuring; default: 30, or 4 with --quick")->type_name("S");
  command->footer(
      R"(`attnbench run` takes the kept calibration while it is of this machine and this version of attnbench and at most 30 days old, and
otherwise makes a quick one first.

Examples:
  attnbench calibrate
  attnbench calibrate --quick --json --out ceilings.json)");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace attnbench
