// doctor: look at the machine and at the suite itself, and say what makes numbers less sure.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/commands/python_tool.h"
#include "harness/doctor/check.h"
#include "harness/doctor/clock.h"
#include "harness/doctor/experiments.h"
#include "harness/doctor/machine.h"
#include "harness/doctor/tuning.h"
#include "harness/run/interrupt.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr int kFailed = 1;

struct Options {
  bool quick = false;
  bool json = false;
  bool tune = false;
  double scale = 1;
};

Health health_of(const std::string& name) { return name == "OK" ? Health::ok : name == "WARN" ? Health::warn : Health::fail; }

// What the statistics of the reports say about the measurements.
std::vector<Check> judged_by_python(const Json& measurements) {
  const ScratchFolder folder("attnbench-doctor");
  const auto in = folder / "measurements.json", out = folder / "checks.json";
  replace_file(in, measurements.dump() + "\n");
  const int code = run_python_tool("verdict on the statistics", "attnbench.doctor", {in, out});
  const auto judged = code == 0 ? parse_json(read_file(out)) : Json();
  if (!judged.is_array()) return {{"statistics", "reports package", Health::fail, "cannot be run", how_to_get_packages()}};
  std::vector<Check> checks;
  for (const auto& c : judged)
    checks.push_back({c.at("group"), c.at("name"), health_of(c.at("health")), c.at("found"), c.at("advice")});
  return checks;
}

std::vector<Check> joined(std::vector<Check> first, const std::vector<Check>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

int run(const Options& options) {
  if (options.tune) {
    std::cout << tuning_script(settings_to_change());
    return 0;
  }
  if (!(options.scale > 0 && options.scale <= 100))
    throw UserError("--scale must be above 0 and at most 100; 1 is the full time, 0.1 a tenth of it");
  const auto announce = [](const std::string& what) { std::cerr << "measuring " << what << std::endl; };
  const InterruptGuard guard;
  const auto before = joined(judge_machine(read_machine()), judge_clock(read_clock()));
  const auto measurements = run_experiments({.self = self_path(),
                                             .quick = options.quick,
                                             .scale = options.scale,
                                             .keep_going = [&] { return !guard.interrupted(); },
                                             .announce = announce});
  if (!measurements) return kInterrupted;
  const auto checks = joined(before, judged_by_python(*measurements));
  if (options.json) std::cout << Json{{"checks", to_json(checks)}, {"measurements", *measurements}}.dump(2) << std::endl;
  else std::cout << checks_text(checks) << std::flush;
  return any_failed(checks) ? kFailed : 0;
}

}  // namespace

void add_doctor(CLI::App& app, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("doctor", "Check this machine and the suite itself: what makes times less sure, and what to change.");
  command->add_flag("--quick", options->quick, "about 20 s instead of 90: fewer rounds, no calls of 1 s");
  command->add_flag("--json", options->json, "print checks and measurements as JSON");
  command->add_option("--scale", options->scale, "share of the usual rounds and times, such as 0.1 to see what it does; default: 1")
      ->type_name("X");
  command
      ->add_flag(
          "--tune", options->tune,
          "measure nothing: print a script for sh that sets clock, hardware threads and huge pages for steadier times, and can "
          "restore what is set now")
      ->excludes("--quick", "--json", "--scale");
  add_debug_option(*command);
  command->footer(
      R"(Times a synthetic workload in fresh processes like any variant: how far identical processes differ at 1 µs .. 1 s, whether identical
things are called different, whether twice the work is measured as twice, whether exponents come back. Each check says OK, WARN or
FAIL. Exit code 1 when one says FAIL.

Examples:
  attnbench doctor
  attnbench doctor --quick --json > doctor.json
  attnbench doctor --tune > tune.sh      read it; then: sudo sh tune.sh, and afterwards: sudo sh tune.sh restore)");
  command->callback([options, &line] { line.exit_code = run(*options); });
}

}  // namespace attnbench
