#include "harness/planning/plan.h"

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

}  // namespace attnbench
