// The fitted model as a file, kept from one run to the next.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "harness/planning/fitted_model.h"
#include "harness/support/files.h"
#include "harness/support/json.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;  // of the cache file; another one is left alone and replaced

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Json FittedModel::to_json() const {
  Json ratios = Json::array();
  for (const auto& [key, ratio] : ratios_)
    ratios.push_back({{"variant", std::get<0>(key)},
                      {"threads", std::get<1>(key)},
                      {"family", ratio.family},
                      {"prior_s", std::exp2(ratio.log2_prior)},
                      {"measured_s", std::exp2(ratio.log2_prior + ratio.log2_ratio)}});
  return {{"format", kFormat}, {"calls", ratios}, {"process_bytes", process_bytes_}};
}

FittedModel FittedModel::from_json(const Json& json) {
  if (json.at("format") != kFormat) throw std::invalid_argument("another format");
  FittedModel model;
  for (const auto& call : json.at("calls")) {
    const double prior = call.at("prior_s"), measured = call.at("measured_s");
    if (!(prior > 0) || !(measured > 0)) throw std::invalid_argument("times that are none");
    const double size = std::log2(prior);
    model.ratios_[{call.at("variant"), integer_of<int>(call.at("threads")), static_cast<int>(std::floor(size))}] = {
        call.at("family"), size, std::log2(measured) - size, true};
  }
  model.process_bytes_ = json.at("process_bytes").get<std::map<std::string, double>>();
  return model;
}

std::string cost_model_path(const std::string& machine_id) {
  if (const auto path = variable("ATTNBENCH_COST_MODEL"); !path.empty()) return path;
  const auto home = variable("HOME"), cache = variable("XDG_CACHE_HOME");
  if (home.empty() && cache.empty()) return "";
  return (cache.empty() ? home + "/.cache" : cache) + "/attnbench/cost-model-" + machine_id + ".json";
}

FittedModel load_cost_model(const std::string& path) {
  std::error_code ignored;
  if (path.empty() || !fs::is_regular_file(path, ignored)) return {};
  const auto text = read_file(path);
  const auto json = parse_json(text);
  const bool ours = json.is_object() && json.contains("format");
  if (!text.empty() && !ours)
    throw UserError(path + " is not a cost model and is not overwritten; name another file with ATTNBENCH_COST_MODEL or remove it");
  try {
    return FittedModel::from_json(json);
  } catch (const std::exception&) {
    return {};  // empty, or of another version: it will be replaced
  }
}

void save_cost_model(const FittedModel& model, const std::string& path) {
  if (path.empty() || model.empty()) return;
  std::error_code ignored;
  if (const auto folder = fs::path(path).parent_path(); !folder.empty()) fs::create_directories(folder, ignored);
  try {
    replace_file(path, model.to_json().dump(1) + "\n");
  } catch (const UserError&) {  // the run is not the worse for it; the next one predicts with what it has
  }
}

}  // namespace attnbench
