#include "harness/planning/plan.h"

#include <algorithm>

#include "harness/planning/case.h"

namespace attnbench {
namespace {

template <class Pointer, class Groups>
std::vector<Pointer> pointers_to_cases(Groups& groups) {
  std::vector<Pointer> cases;
  for (auto& group : groups)
    for (auto& bench_case : group.cases) cases.push_back(&bench_case);
  return cases;
}

}  // namespace

Plan::Plan() = default;
Plan::Plan(const Plan&) = default;
Plan::Plan(Plan&&) noexcept = default;
Plan& Plan::operator=(const Plan&) = default;
Plan& Plan::operator=(Plan&&) noexcept = default;
Plan::~Plan() = default;

std::vector<const Case*> Plan::cases() const { return pointers_to_cases<const Case*>(groups); }
std::vector<Case*> Plan::cases() { return pointers_to_cases<Case*>(groups); }

std::vector<std::string> Plan::datasets() const {
  std::vector<std::string> datasets;
  for (const auto& group : groups)
    if (const auto& dataset = group.workload().dataset; std::find(datasets.begin(), datasets.end(), dataset) == datasets.end())
      datasets.push_back(dataset);
  return datasets;
}

std::vector<VariantConfig> Plan::configs() const {
  std::vector<VariantConfig> configs;
  std::set<std::string> seen;
  for (const auto& group : groups)
    for (const auto& bench_case : group.cases)
      if (seen.insert(bench_case.config.label()).second) configs.push_back(bench_case.config);
  return configs;
}

std::set<std::string> Plan::extra_inputs(const std::string& dataset) const {
  std::set<std::string> names;
  for (const auto* bench_case : cases())
    if (bench_case->dataset() == dataset && bench_case->status != CaseStatus::unsupported)
      for (const auto& spec : bench_case->config.extras(bench_case->problem())) names.insert(spec.name);
  return names;
}

int Plan::most_threads() const {
  int threads = 1;
  for (const auto& group : groups) threads = std::max(threads, group.workload().threads);
  return threads;
}

}  // namespace attnbench
