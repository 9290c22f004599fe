#include "harness/planning/case.h"

#include <utility>

namespace attnbench {
namespace {

std::string key_of(const Workload& workload, const std::string& variant) {
  return workload.dataset + "|" + to_string(workload.problem) + "|" + variant + "t" + std::to_string(workload.threads);
}

}  // namespace

std::string Workload::key() const { return key_of(*this, ""); }

std::shared_ptr<const Workload> make_workload(std::string dataset, Problem problem, int threads) {
  return std::make_shared<const Workload>(Workload{std::move(dataset), std::move(problem), threads});
}

std::string Case::key() const { return key_of(*workload, config.label() + "|"); }

Cost declared_cost(const Case& bench_case) {
  if (bench_case.cost) return *bench_case.cost;
  if (bench_case.status == CaseStatus::unsupported) return {};
  return bench_case.config.variant->cost(bench_case.problem(), bench_case.config.params);
}

}  // namespace attnbench
