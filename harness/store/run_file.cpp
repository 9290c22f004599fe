#include "harness/store/run_file.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "harness/plugins/catalogue.h"
#include "harness/store/environment.h"
#include "harness/store/record.h"
#include "harness/store/store.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kProfileNames[] = {"quick", "standard", "rigorous"};

struct LawName {
  Law law;
  const char* name;
};
constexpr LawName kLawNames[] = {{kRowStochastic, "row_stochastic"},
                                 {kKeyPermutation, "key_permutation"},
                                 {kIndependentHeads, "independent_heads"},
                                 {kScoreShift, "score_shift"},
                                 {kWeightsReadable, "weights_readable"}};

Json plan_json(const Plan& plan) {
  return {{"name", plan.name},
          {"profile", kProfileNames[static_cast<int>(plan.sampling.profile)]},
          {"rounds", plan.sampling.rounds},
          {"samples", plan.sampling.samples},
          {"seed", plan.seed},
          {"cases", plan.cases.size()},
          {"toml", plan.resolved_toml}};
}

Json plugin_json(const Variant& variant) {
  const auto* plugin = plugin_of(variant);
  if (plugin == nullptr) return nullptr;
  return {{"file", plugin->file}, {"hash", plugin->hash}, {"name", plugin->name}, {"version", plugin->version}};
}

Json variant_json(const Selected& selected) {
  const auto& variant = *selected.variant;
  Json laws = Json::array();
  for (const auto& [law, name] : kLawNames)
    if (variant.laws & law) laws.push_back(name);
  return {{"label", selected.label()},
          {"name", variant.name},
          {"family", variant.family},
          {"summary", variant.summary},
          {"paper", variant.paper},
          {"computes", name_of(variant.computes)},
          {"time_label", variant.time_label},
          {"memory_label", variant.memory_label},
          {"laws", laws},
          {"params", params_json(selected.params)},
          {"plugin", plugin_json(variant)}};
}

Json variants_json(const Plan& plan) {
  Json variants = Json::array();
  std::set<std::string> seen;
  for (const auto& point : plan.cases)
    if (seen.insert(point.selected.label()).second) variants.push_back(variant_json(point.selected));
  return variants;
}

std::string name_of_directory(const std::string& directory) {
  const auto path = std::filesystem::absolute(directory).lexically_normal();
  return path.has_filename() ? path.filename().string() : path.parent_path().filename().string();
}

}  // namespace

Json describe_run(const Plan& plan, const RunOptions& options) {
  int threads = 1;
  for (const auto& point : plan.cases) threads = std::max(threads, point.threads);
  const auto environment = describe_environment(threads);
  return {{"schema_version", kSchemaVersion},
          {"run_id", name_of_directory(options.directory)},
          {"created", utc_now()},
          {"finished", nullptr},
          {"status", "running"},
          {"command", options.command},
          {"plan", plan_json(plan)},
          {"variants", variants_json(plan)},
          {"environment", environment},
          {"binary_id", binary_id(options.self)},
          {"machine_id", machine_id(environment)}};
}

void require_same_run(const Json& stored, const Json& current, const std::string& directory) {
  const auto differs = [&](const char* member) { return stored.value(member, Json()) != current.at(member); };
  const auto refuse = [&](const std::string& what) {
    throw UserError(directory + " was measured with " + what + "; start a new run with another --out");
  };
  if (differs("plan")) refuse("another plan (its plan.toml is in run.json)");
  if (differs("binary_id"))
    refuse("another binary (" + stored.value("binary_id", "unknown") + ", this is " + current.at("binary_id").get<std::string>() +
           ")");
  if (differs("machine_id")) refuse("another machine (" + stored.value("/environment/cpu_model"_json_pointer, "unknown") + ")");
}

}  // namespace attnbench
