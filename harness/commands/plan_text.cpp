#include "harness/commands/plan_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "datasets/part.h"
#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/planning/plan_file.h"
#include "harness/run/orchestrator.h"
#include "harness/run/record.h"
#include "harness/run/schedule.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

struct Totals {
  int planned = 0, unsupported = 0, skipped = 0;
  double seconds = 0;
  double peak_bytes = 0;   // of the largest planned case
  double input_bytes = 0;  // on disk at once
  int fitted = 0;          // planned cases whose prediction stands on measurements
};

Totals totals_of(const Plan& plan) {
  Totals totals;
  for (const auto* bench_case : plan.cases()) {
    totals.planned += bench_case->status == CaseStatus::planned;
    totals.unsupported += bench_case->status == CaseStatus::unsupported;
    totals.skipped += bench_case->status == CaseStatus::skipped;
    if (bench_case->status != CaseStatus::planned) continue;
    totals.peak_bytes = std::max(totals.peak_bytes, bench_case->prediction.peak_bytes);
    totals.fitted += bench_case->prediction.rates == RateSource::fitted;
  }
  const auto inputs = keep_inputs(groups_of(plan), RunOptions().inputs_bytes);
  totals.seconds = predicted_run_seconds(plan, inputs);
  totals.input_bytes = inputs.bytes;
  return totals;
}

std::string rates_text(const Totals& totals) {
  if (totals.fitted == 0) return "predicted by built-in rates, which may be several times off: a long run measures a few first\n";
  if (totals.fitted == totals.planned) return "predicted by rates measured on this machine in earlier runs\n";
  return fmt::format("predicted by rates measured on this machine in earlier runs for {} of {} cases\n", totals.fitted,
                     totals.planned);
}

bool several_datasets(const Plan& plan) {
  return std::any_of(plan.groups.begin(), plan.groups.end(),
                     [&](const Group& group) { return group.workload().dataset != plan.groups[0].workload().dataset; });
}

std::string problem_text(const Case& bench_case, bool with_dataset) {
  return (with_dataset ? bench_case.dataset() + " " : "") + to_string(bench_case.problem());
}

Json case_json(const Case& bench_case) {
  return {{"key", bench_case.key()},
          {"dataset", bench_case.dataset()},
          {"problem", to_string(bench_case.problem())},
          {"variant", bench_case.config.label()},
          {"threads", bench_case.threads()},
          {"status", name_of(bench_case.status)},
          {"reasons", bench_case.reasons},
          {"prediction", prediction_json(bench_case.prediction)}};
}

}  // namespace

const char* name_of(CaseStatus status) {
  return status == CaseStatus::planned ? "planned" : status == CaseStatus::unsupported ? "unsupported" : "skipped";
}

std::string plan_text(const Plan& plan, const TableView& view) {
  const bool with_dataset = several_datasets(plan);
  Table cases(
      {{"PROBLEM"}, {"VARIANT"}, {"THREADS", Table::Align::right}, {"CALL", Table::Align::right}, {"MEMORY", Table::Align::right}});
  Table left_out({{"NOT RUN"}, {"VARIANT"}, {"WHY"}});
  for (const auto* bench_case : plan.cases()) {
    if (bench_case->status == CaseStatus::planned)
      cases.add({problem_text(*bench_case, with_dataset), bench_case->config.label(), std::to_string(bench_case->threads()),
                 seconds_text(bench_case->prediction.seconds), bytes_text(bench_case->prediction.peak_bytes)});
    else
      left_out.add({problem_text(*bench_case, with_dataset), bench_case->config.label(),
                    std::string(name_of(bench_case->status)) + ": " + join(bench_case->reasons, "; ")});
  }
  const auto totals = totals_of(plan);
  std::string text;
  for (const auto& file : plan.files) text += file.dataset + " holds " + sizes_text(file.holds) + "\n";
  if (!text.empty()) text += "\n";
  const auto shown = arranged(cases, view);
  if (totals.planned) text += shown.text() + "\n";
  if (totals.unsupported + totals.skipped > 0 && !view.any()) text += left_out.text() + "\n";
  text += fmt::format("plan {}: {} cases to run, {} unsupported, {} skipped; data {}\n", plan.name, totals.planned,
                      totals.unsupported, totals.skipped, with_dataset ? "as listed" : plan.groups[0].workload().dataset);
  text += fmt::format("profile {}: {} rounds of {} samples, cache {}; ", name_of(plan.sampling.profile), plan.sampling.rounds,
                      plan.sampling.samples, name_of(plan.sampling.cache));
  if (totals.planned == 0)
    return text + fmt::format("nothing to run within a budget of {}\n", bytes_text(plan.memory_budget_bytes));
  text += fmt::format("predicted time {}, peak memory {} of a budget of {}, inputs {} on disk\n", seconds_text(totals.seconds),
                      bytes_text(totals.peak_bytes), bytes_text(plan.memory_budget_bytes), bytes_text(totals.input_bytes));
  return text + rates_text(totals);
}

Json plan_json(const Plan& plan) {
  const auto totals = totals_of(plan);
  Json json{{"name", plan.name},
            {"profile", name_of(plan.sampling.profile)},
            {"rounds", plan.sampling.rounds},
            {"samples", plan.sampling.samples},
            {"cache", name_of(plan.sampling.cache)},
            {"seed", plan.seed},
            {"memory_budget_bytes", plan.memory_budget_bytes},
            {"planned", totals.planned},
            {"unsupported", totals.unsupported},
            {"skipped", totals.skipped},
            {"predicted_seconds", totals.seconds},
            {"predicted_peak_bytes", totals.peak_bytes},
            {"predicted_input_bytes", totals.input_bytes},
            {"files", Json::array()},
            {"cases", Json::array()},
            {"toml", plan.resolved_toml}};
  for (const auto& file : plan.files)
    json["files"].push_back({{"dataset", file.dataset}, {"holds", sizes_text(file.holds)}, {"notes", file.notes}});
  for (const auto* bench_case : plan.cases()) json["cases"].push_back(case_json(*bench_case));
  return json;
}

std::string notes_text(const Plan& plan) {
  std::string text;
  for (const auto& file : plan.files)
    for (const auto& note : file.notes) text += "attnbench: note: " + note + "\n";
  return text;
}

}  // namespace attnbench
