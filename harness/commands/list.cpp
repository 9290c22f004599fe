// list: the variants, datasets and plans there are, as tables or as JSON.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "datasets/dataset.h"
#include "harness/commands/commands.h"
#include "harness/commands/descriptor.h"
#include "harness/commands/plugin_options.h"
#include "harness/commands/table_options.h"
#include "harness/planning/plan_file.h"
#include "harness/plugins/catalogue.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kFooter = R"(Examples:
  attnbench list                 everything
  attnbench list variants        only the variants
  attnbench list variants --filter family=sparse --columns variant,time,memory
  attnbench list --json          for scripts)";

struct Options {
  std::string what = "all";
  bool json = false;
  TableView view;
  PluginOptions plugins;
};

std::string plugins_text() {
  Table table({{"PLUGIN"}, {"VERSION"}, {"VARIANTS"}, {"HASH"}, {"FILE"}});
  for (const auto& plugin : loaded_plugins()) {
    std::vector<std::string> names;
    for (const auto& adapter : plugin->adapters) names.emplace_back(adapter->variant().name);
    table.add({plugin->name, plugin->version, join(names, ", "), plugin->hash, plugin->file});
  }
  return loaded_plugins().empty() ? "" : "\n" + table.text();
}

std::string variants_text(const TableView& view) {
  Table table({{"VARIANT"}, {"FAMILY"}, {"TIME"}, {"MEMORY"}, {"SUMMARY"}});
  for (const auto* v : known_variants()) table.add({v->name, v->family, v->time_label, v->memory_label, v->summary});
  return arranged(table, view).text() + (view.any() ? "" : plugins_text());
}

std::string datasets_text(const TableView& view) {
  Table table({{"DATASET"}, {"SYNTAX"}, {"SUMMARY"}});
  for (const auto& d : dataset_catalogue()) table.add({d.name, d.syntax, d.summary});
  return arranged(table, view).text();
}

std::string plans_text(const TableView& view) {
  Table table({{"PLAN"}, {"SUMMARY"}});
  for (const auto& name : shipped_plans()) table.add({name, load_plan(name).summary});
  return arranged(table, view).text();
}

Json list_json() {
  Json json{{"variants", Json::array()}, {"datasets", Json::array()}, {"plans", Json::array()}};
  for (const auto* v : known_variants()) json["variants"].push_back(descriptor_json(*v));
  for (const auto& d : dataset_catalogue())
    json["datasets"].push_back({{"name", d.name}, {"syntax", d.syntax}, {"summary", d.summary}});
  for (const auto& name : shipped_plans()) json["plans"].push_back({{"name", name}, {"summary", load_plan(name).summary}});
  return json;
}

void list(const Options& options) {
  const bool all = options.what == "all";
  if (all && options.view.any())
    throw UserError("--sort, --filter and --columns are for one table; say which: attnbench list variants, datasets or plans");
  load(options.plugins);
  if (options.json) {
    const auto json = list_json();
    std::cout << (all ? json : Json(json[options.what])).dump(2) << "\n";
    return;
  }
  std::string text;
  if (all || options.what == "variants") text += variants_text(options.view);
  if (all || options.what == "datasets") text += (text.empty() ? "" : "\n") + datasets_text(options.view);
  if (all || options.what == "plans") text += (text.empty() ? "" : "\n") + plans_text(options.view);
  std::cout << text;
  if (all) std::cout << "\n`attnbench describe NAME` tells more about any of them.\n";
}

}  // namespace

void add_list(CLI::App& app, CommandLine&) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("list", "List the variants, datasets and plans.");
  command->add_option("what", options->what, "variants, datasets, plans or all (default)")
      ->check(CLI::IsMember({"variants", "datasets", "plans", "all"}));
  auto* json = command->add_flag("--json", options->json, "print JSON");
  add_table_options(*command, options->view);
  exclude_table_options(*command, json);
  add_plugin_option(*command, options->plugins);
  command->footer(kFooter);
  command->callback([options] { list(*options); });
}

}  // namespace attnbench
