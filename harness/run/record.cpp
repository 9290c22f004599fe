#include "harness/run/record.h"

#include <ctime>

#include "harness/planning/case.h"
#include "harness/plugins/catalogue.h"
#include "harness/run/store.h"
#include "harness/support/json.h"
#include "harness/support/words.h"

namespace attnbench {
namespace {

Json problem_fields(const Problem& p) {
  return {{"batch", p.batch},
          {"heads_q", p.heads_q},
          {"heads_kv", p.heads_kv},
          {"n_q", p.n_q},
          {"n_k", p.n_k},
          {"d_qk", p.d_qk},
          {"d_v", p.d_v},
          {"dtype", name_of(p.dtype)},
          {"causal", name_of(p.causal)}};
}

// A variant need not know what a problem costs that it does not support.
Json cost_json(const Case& point) {
  Cost cost;
  if (point.status != CaseStatus::unsupported) cost = point.config.variant->cost(point.problem, point.config.params);
  return {{"multiply_adds", cost.multiply_adds},
          {"exps", cost.exps},
          {"bytes", cost.bytes},
          {"pairs", cost.pairs},
          {"dense_flops", dense_flops(point.problem)},
          {"compulsory_bytes", compulsory_bytes(point.problem)}};
}

}  // namespace

std::string record_key(const Case& point, JobKind kind, int round) {
  return point.key() + "|" + name_of(kind) + "|r" + std::to_string(round);
}

std::string reproducer(const Case& point, std::uint64_t seed, std::uint64_t rows_seed, CacheMode cache) {
  const auto* plugin = plugin_of(*point.config.variant);
  return "attnbench run --problem " + shell_quoted(to_string(point.problem)) + " --variants " + shell_quoted(point.config.label()) +
         " --dataset " + shell_quoted(point.dataset) + " --threads " + std::to_string(point.threads) + " --seed " +
         std::to_string(seed) + (rows_seed == seed ? "" : " --rows-seed " + std::to_string(rows_seed)) +
         (cache == CacheMode::cold ? " --cache cold" : "") + (plugin ? " --plugin " + shell_quoted(plugin->file) : "");
}

Json prediction_json(const Prediction& prediction) {
  return {{"seconds", prediction.seconds},
          {"peak_bytes", prediction.peak_bytes},
          {"model", prediction.rates == RateSource::fitted ? "fitted" : "prior"}};
}

Json params_json(const Params& params) {
  Json json = Json::object();
  for (std::size_t i = 0; i < params.specs().size(); ++i)
    std::visit([&](const auto& value) { json[params.specs()[i].name] = value; }, params.values()[i]);
  return json;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char buffer[32];
  return {buffer, std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Json make_record(const RecordSubject& subject, const JobResult& result, const std::string& started) {
  const auto& point = subject.point;
  const auto& variant = *point.config.variant;
  Json record = {{"schema_version", kSchemaVersion},
                 {"key", record_key(point, subject.kind, subject.round)},
                 {"session", subject.session},
                 {"kind", name_of(subject.kind)},
                 {"status", name_of(result.status)},
                 {"reasons", result.reasons},
                 {"dataset", point.dataset},
                 {"seed", subject.seed},
                 {"rows_seed", subject.rows_seed},
                 {"problem", to_string(point.problem)},
                 {"problem_fields", problem_fields(point.problem)},
                 {"variant", point.config.label()},
                 {"variant_name", variant.name},
                 {"family", variant.family},
                 {"computes", name_of(variant.computes)},
                 {"params", params_json(point.config.params)},
                 {"threads", point.threads},
                 {"round", subject.round},
                 {"cache", name_of(subject.cache)},
                 {"isa", result.isa},
                 {"reproducer", reproducer(point, subject.seed, subject.rows_seed, subject.cache)},
                 {"cost", cost_json(point)},
                 {"prediction", prediction_json(point.prediction)},
                 {"started", started},
                 {"wall_s", result.wall_seconds}};
  if (!result.measured.empty()) record[name_of(subject.kind)] = result.measured;
  return record;
}

}  // namespace attnbench
