#include "harness/run/record.h"

#include <ctime>

#include "harness/planning/case.h"
#include "harness/plugins/catalogue.h"
#include "harness/run/store.h"
#include "harness/support/json.h"
#include "harness/support/text.h"

namespace attnbench {
namespace {

const char* name_of(MaskKind kind) { return kind == MaskKind::none ? "none" : kind == MaskKind::boolean ? "boolean" : "additive"; }

Json window_json(const std::optional<Window>& window) { return window ? Json::array({window->left, window->right}) : Json(); }

Json problem_fields(const Problem& p) {
  return {{"batch", p.batch},
          {"heads_q", p.heads_q},
          {"heads_kv", p.heads_kv},
          {"n_q", p.n_q},
          {"n_k", p.n_k},
          {"d_qk", p.d_qk},
          {"d_v", p.d_v},
          {"dtype", attnbench::name_of(p.dtype)},
          {"causal", attnbench::name_of(p.causal)},
          {"window", window_json(p.window)},
          {"key_lengths", p.key_lengths},
          {"mask", name_of(p.mask.kind)},
          {"mask_per_batch", p.mask.per_batch},
          {"mask_per_head", p.mask.per_head},
          {"scale", p.effective_scale()},
          {"softcap", p.softcap ? Json(*p.softcap) : Json()},
          {"phase", "forward"}};
}

Json cost_json(const Case& bench_case) {
  const auto cost = declared_cost(bench_case);
  return {{"multiply_adds", cost.multiply_adds},
          {"exps", cost.exps},
          {"bytes", cost.bytes},
          {"pairs", cost.pairs},
          {"depth", cost.depth},
          {"dense_flops", dense_flops(bench_case.problem())},
          {"compulsory_bytes", compulsory_bytes(bench_case.problem())}};
}

}  // namespace

std::string record_key(const Case& bench_case, JobKind kind, int round) {
  return bench_case.key() + "|" + name_of(kind) + "|r" + std::to_string(round);
}

std::string reproducer(const Case& bench_case, std::uint64_t seed, std::uint64_t rows_seed, CacheMode cache) {
  const auto* plugin = plugin_of(*bench_case.config.variant);
  return "attnbench run --problem " + shell_quoted(to_string(bench_case.problem())) + " --variants " +
         shell_quoted(bench_case.config.label()) + " --dataset " + shell_quoted(bench_case.dataset()) + " --threads " +
         std::to_string(bench_case.threads()) + " --seed " + std::to_string(seed) +
         (rows_seed == seed ? "" : " --rows-seed " + std::to_string(rows_seed)) +
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
  const auto& bench_case = subject.bench_case;
  const auto& variant = *bench_case.config.variant;
  Json record = {{"schema_version", kSchemaVersion},
                 {"key", record_key(bench_case, subject.kind, subject.round)},
                 {"session", subject.session},
                 {"kind", name_of(subject.kind)},
                 {"status", name_of(result.status)},
                 {"reasons", result.reasons},
                 {"group", bench_case.workload->key()},
                 {"dataset", bench_case.dataset()},
                 {"seed", subject.seed},
                 {"rows_seed", subject.rows_seed},
                 {"problem", to_string(bench_case.problem())},
                 {"problem_fields", problem_fields(bench_case.problem())},
                 {"variant", bench_case.config.label()},
                 {"variant_name", variant.name},
                 {"family", variant.family},
                 {"computes", name_of(variant.computes)},
                 {"params", params_json(bench_case.config.params)},
                 {"threads", bench_case.threads()},
                 {"round", subject.round},
                 {"cache", name_of(subject.cache)},
                 {"isa", result.isa},
                 {"reproducer", reproducer(bench_case, subject.seed, subject.rows_seed, subject.cache)},
                 {"cost", cost_json(bench_case)},
                 {"prediction", prediction_json(bench_case.prediction)},
                 {"started", started},
                 {"wall_s", result.wall_seconds}};
  if (variant.equivalent_to) record["equivalent_to"] = variant.equivalent_to;
  if (auto measured = to_json(result.measured); !measured.empty()) record[name_of(subject.kind)] = std::move(measured);
  return record;
}

}  // namespace attnbench
