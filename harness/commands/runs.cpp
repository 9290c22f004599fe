// runs: the stored runs, newest first.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "harness/commands/commands.h"
#include "harness/commands/run_folders.h"
#include "harness/commands/table_options.h"
#include "harness/support/json.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench runs                          those below results/
  attnbench runs /data/results --json     for scripts
  attnbench runs --filter status!=complete --columns run,plan
  attnbench report @last --open           @last is the newest run of results/, @last~1 the one before it
  attnbench compare @last~1 @last)";

struct Options {
  std::string folder = kResults;
  bool json = false;
  TableView view;
};

const Json& object_field(const Json& object, const char* name) {
  static const Json none = Json::object();
  const auto found = object.find(name);
  return found != object.end() && found->is_object() ? *found : none;
}

// A count, or "" when it is missing or not a number.
std::string count_field(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_integer() ? std::to_string(found->get<std::int64_t>()) : "";
}

std::string runs_text(const std::vector<StoredRun>& runs, const TableView& view) {
  Table table(
      {{"RUN"}, {"STARTED (UTC)"}, {"PLAN"}, {"STATUS"}, {"CASES", Table::Align::right}, {"ROUNDS", Table::Align::right}, {"CPU"}});
  for (const auto& run : runs) {
    const auto& plan = object_field(run.document, "plan");
    table.add({run.folder, text_field(run.document, "created"), text_field(plan, "name"), text_field(run.document, "status"),
               count_field(plan, "cases"), count_field(plan, "rounds"),
               text_field(object_field(run.document, "environment"), "cpu_model")});
  }
  return arranged(table, view).text();
}

Json runs_json(const std::vector<StoredRun>& runs) {
  auto list = Json::array();
  for (const auto& run : runs) {
    const auto& plan = object_field(run.document, "plan");
    list.push_back({{"folder", run.folder},
                    {"created", run.document.value("created", Json())},
                    {"status", run.document.value("status", Json())},
                    {"plan", plan.value("name", Json())},
                    {"cases", plan.value("cases", Json())},
                    {"rounds", plan.value("rounds", Json())},
                    {"cpu_model", object_field(run.document, "environment").value("cpu_model", Json())}});
  }
  return list;
}

void list_runs(const Options& options) {
  const auto runs = stored_runs(options.folder);
  if (options.json) std::cout << runs_json(runs).dump(2) << "\n";
  else if (runs.empty()) std::cout << "no runs below " << options.folder << "; `attnbench run` makes one\n";
  else std::cout << runs_text(runs, options.view);
}

}  // namespace

void add_runs(CLI::App& app, CommandLine&) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("runs", "List the stored runs, newest first.");
  command->add_option("DIR", options->folder, "the folder that holds them; default: results");
  auto* json = command->add_flag("--json", options->json, "print JSON");
  add_table_options(*command, options->view);
  exclude_table_options(*command, json);
  command->footer(kFooter);
  command->callback([options] { list_runs(*options); });
}

}  // namespace attnbench
