#include "harness/run/run_file.h"

#include <algorithm>
#include <filesystem>
#include <random>
#include <set>

#include "harness/measure/environment.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_file.h"
#include "harness/planning/variant_config.h"
#include "harness/plugins/catalogue.h"
#include "harness/run/datasets.h"
#include "harness/run/record.h"
#include "harness/run/store.h"
#include "harness/support/hash.h"
#include "harness/support/json.h"
#include "variants/api/error.h"
#include "variants/api/names.h"

namespace attnbench {
namespace {

Json plan_json(const Plan& plan) {
  return {{"name", plan.name},
          {"profile", name_of(plan.sampling.profile)},
          {"rounds", plan.sampling.rounds},
          {"samples", plan.sampling.samples},
          {"seed", plan.seed},
          {"cases", plan.cases().size() + plan.cases_elsewhere},
          {"toml", plan.resolved_toml}};
}

Json variant_json(const VariantConfig& config) {
  const auto& variant = *config.variant;
  return {{"label", config.label()},
          {"name", variant.name},
          {"family", variant.family},
          {"summary", variant.summary},
          {"paper", variant.paper},
          {"computes", name_of(variant.computes)},
          {"time_label", variant.time_label},
          {"memory_label", variant.memory_label},
          {"laws", names_of(kLawNames, variant.laws)},
          {"params", params_json(config.params)},
          {"plugin", plugin_json(variant)}};
}

Json variants_json(const Plan& plan) {
  Json variants = Json::array();
  for (const auto& config : plan.configs()) variants.push_back(variant_json(config));
  return variants;
}

Json shard_json(const Shard& shard) {
  if (shard.count == 1) return nullptr;
  return {{"index", shard.index}, {"count", shard.count}};
}

// One start of the orchestrator. `finished` stays null when it was killed.
Json session_json(const Json& run) {
  return {{"started", run.at("created")},     {"finished", nullptr},
          {"command", run.at("command")},     {"environment", run.at("environment")},
          {"binary_id", run.at("binary_id")}, {"machine_id", run.at("machine_id")}};
}

// "another binary (stored 1f, this is 2e)" for each of the two that differs.
std::string differences(const Json& stored, const Json& current) {
  std::string text;
  for (const auto& [member, name] : {std::pair{"binary_id", "binary"}, {"machine_id", "machine"}}) {
    const std::string was = stored.at(member), is = current.at(member);
    if (was != is) text += (text.empty() ? "another " : " and another ") + std::string(name) + " (" + was + ", this is " + is + ")";
  }
  return text;
}

}  // namespace

std::string run_id_of(const std::string& directory) {
  const auto path = std::filesystem::absolute(directory).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

Json describe_run(const Plan& plan, const RunOptions& options) {
  const auto environment = describe_environment(plan.most_threads());
  Json run = {{"schema_version", kSchemaVersion},
              {"run_id", run_id_of(options.directory)},
              {"created", utc_now()},
              {"finished", nullptr},
              {"status", "running"},
              {"command", options.command},
              {"plan", plan_json(plan)},
              {"rows_seed", plan.rows_seed.value_or(std::random_device{}())},
              {"shard", shard_json(plan.shard)},
              {"merged_from", Json::array()},
              {"datasets", dataset_fingerprints(plan)},
              {"variants", variants_json(plan)},
              {"environment", environment},
              {"binary_id", binary_id(options.self)},
              {"machine_id", machine_id(environment)},
              {"calibration", nullptr}};
  run["sessions"] = Json::array({session_json(run)});
  return run;
}

Json continue_run(const Json& stored, const Json& current, const std::string& directory, bool allow_mixed) {
  if (stored.at("plan") != current.at("plan") || stored.at("shard") != current.at("shard"))
    throw UserError(directory +
                    " was measured with another plan (its plan.toml is in run.json); start a new run with another --out");
  if (const auto name = contradicting_dataset(stored.at("datasets"), current.at("datasets")))
    throw UserError("dataset '" + *name + "' holds other data than when " + directory +
                    " was begun; put it back, or start a new run with another --out");
  for (const auto& session : stored["sessions"])
    if (const auto what = differences(session, current); !allow_mixed && !what.empty())
      throw UserError(directory + " was measured with " + what +
                      "; add --allow-mixed to carry on all the same, or start a new run with another --out");
  auto run = stored;
  run["datasets"].update(current.at("datasets"));  // the shards that were merged need not have met them all
  run["sessions"].push_back(session_json(current));
  run["status"] = "running";
  run["finished"] = nullptr;
  return run;
}

int current_session(const Json& run) { return static_cast<int>(run.at("sessions").size()) - 1; }

std::set<int> sessions_of_other_binaries(const Json& run) {
  std::set<int> others;
  const auto& sessions = run.at("sessions");
  for (std::size_t i = 0; i < sessions.size(); ++i)
    if (sessions[i].at("binary_id") != sessions.back().at("binary_id")) others.insert(static_cast<int>(i));
  return others;
}

void finish_session(Json& run, const char* status) {
  const auto now = utc_now();
  run["status"] = status;
  run["finished"] = now;
  run["sessions"].back()["finished"] = now;
}

std::string session_text(const Json& session) {
  return "binary " + session.at("binary_id").get<std::string>() + ", machine " + session.at("machine_id").get<std::string>() +
         " (" + session.at("environment").at("cpu_model").get<std::string>() + ")";
}

}  // namespace attnbench
