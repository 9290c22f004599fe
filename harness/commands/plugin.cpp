// plugin: work on plugins themselves. `check` holds one to the contract; `probe` and `examine` are what attnbench starts in
// children.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/contract/examination.h"
#include "harness/plugins/catalogue.h"
#include "harness/support/json.h"
#include "harness/support/paths.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

using contract::Check;
using contract::Verdict;

struct Options {
  std::string file;
  std::vector<std::string> variants, checks;
  double timeout_seconds = 300;
  bool json = false;
};

struct Row {
  const Variant* variant;
  const Check* check;
  Verdict verdict;
};

std::vector<const Variant*> chosen_variants(const Plugin& plugin, const std::vector<std::string>& names) {
  std::vector<const Variant*> all, chosen;
  std::vector<std::string> known;
  for (const auto& adapter : plugin.adapters) {
    all.push_back(&adapter->variant());
    known.emplace_back(adapter->variant().name);
  }
  for (const auto& name : names) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto* variant) { return name == variant->name; });
    if (found == all.end()) throw UserError("the plugin has no variant '" + name + "'" + suggestion(name, known));
    chosen.push_back(*found);
  }
  return names.empty() ? all : chosen;
}

std::vector<const Check*> chosen_checks(const std::vector<std::string>& names) {
  std::vector<const Check*> chosen;
  std::vector<std::string> known;
  for (const auto& check : contract::contract_checks()) {
    known.emplace_back(check.name);
    if (names.empty()) chosen.push_back(&check);
  }
  for (const auto& name : names) {
    chosen.push_back(contract::find_check(name));
    if (chosen.back() == nullptr) throw UserError("unknown check '" + name + "'" + suggestion(name, known));
  }
  return chosen;
}

// Rows come one by one, as some checks take their time.
void print(const Row& row) {
  std::cout << fmt::format("  {:<17} {:<5} {}\n", row.check->name, name_of(row.verdict.kind), row.check->says);
  for (const auto& line : row.verdict.lines) std::cout << fmt::format("{:26}{}\n", "", line);
  const auto more = row.verdict.count - static_cast<std::int64_t>(row.verdict.lines.size());
  if (more > 0) std::cout << fmt::format("{:26}and {} more\n", "", more);
  std::cout << std::flush;
}

Json to_json(const Row& row) {
  return {{"variant", row.variant->name},
          {"check", row.check->name},
          {"verdict", name_of(row.verdict.kind)},
          {"findings", row.verdict.count},
          {"lines", row.verdict.lines}};
}

int check(const Options& options) {
  const auto self = self_path();
  load_plugins({&options.file, 1}, self);
  const auto& plugin = load_plugin(options.file);
  const auto variants = chosen_variants(plugin, options.variants);
  const auto checks = chosen_checks(options.checks);
  Json rows = Json::array();
  int failed = 0, notes = 0;
  for (const auto* variant : variants) {
    if (!options.json) std::cout << fmt::format("{} ({}, {})\n", variant->name, plugin.file, plugin.hash);
    if (variant->unavailable) {
      std::cerr << fmt::format("{}: not available here, nothing was checked: {}\n", variant->name, variant->unavailable);
      continue;
    }
    for (const auto* one : checks) {
      const Row row{variant, one, contract::examine(plugin.file, variant->name, *one, self, options.timeout_seconds)};
      failed += row.verdict.kind == Verdict::Kind::fail;
      notes += row.verdict.kind == Verdict::Kind::note;
      if (options.json) rows.push_back(to_json(row));
      else print(row);
    }
  }
  if (options.json) std::cout << fmt::format("{}\n", rows.dump(2));
  else std::cout << fmt::format("{} of {} checks failed, {} with a note\n", failed, variants.size() * checks.size(), notes);
  return failed > 0 ? 1 : 0;
}

void add_check(CLI::App& command, CommandLine& line) {
  auto options = std::make_shared<Options>();
  auto* sub = command.add_subcommand("check", "Hold a plugin to the contract that every built-in variant keeps.");
  sub->add_option("FILE", options->file, "the shared library")->required();
  sub->add_option("--variant", options->variants, "only this variant of it; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  sub->add_option("--check", options->checks, "only this check; repeatable")->type_name("NAME")->allow_extra_args(false);
  sub->add_option("--timeout", options->timeout_seconds, "a check that takes longer has failed; default 300")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.001, 1e7));
  sub->add_flag("--json", options->json, "print the verdicts as a JSON array");
  sub->footer(R"(Verdicts: pass; FAIL, with what was found; note, a finding that is only advice; -, where the check does not apply.
Each check runs in a process of its own. Exit code 1 when one failed.

Examples:
  attnbench plugin check ./libmine.so
  attnbench plugin check ./libmine.so --check oracle --check strides)");
  sub->callback([options, &line] { line.exit_code = check(*options); });
}

// Subcommands that attnbench starts itself; not listed.
CLI::App& add_hidden(CLI::App& command, const char* name) {
  auto* sub = command.add_subcommand(name, "Started by attnbench itself.");
  sub->group("");
  return *sub;
}

}  // namespace

void add_plugin(CLI::App& app, CommandLine& line) {
  auto* command = app.add_subcommand("plugin", "Check a plugin: variants in a shared library of your own.");
  command->require_subcommand(1);
  command->footer(R"(Examples:
  attnbench plugin check ./libmine.so
`attnbench new-variant NAME --plugin` writes a plugin to start from; docs/add-a-variant.md explains the rest.)");
  add_check(*command, line);

  auto arguments = std::make_shared<std::array<std::string, 3>>();
  auto& [file, variant, name] = *arguments;
  auto& probe = add_hidden(*command, "probe");
  probe.add_option("FILE", file)->required();
  probe.callback([arguments, &line] { line.exit_code = probe_plugin((*arguments)[0]); });
  auto& examine = add_hidden(*command, "examine");
  examine.add_option("FILE", file)->required();
  examine.add_option("VARIANT", variant)->required();
  examine.add_option("CHECK", name)->required();
  examine.callback(
      [arguments, &line] { line.exit_code = contract::examine_here((*arguments)[0], (*arguments)[1], (*arguments)[2]); });
}

}  // namespace attnbench
