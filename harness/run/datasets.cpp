#include "harness/run/datasets.h"

#include "datasets/dataset.h"
#include "harness/planning/plan.h"
#include "harness/support/json.h"
#include "variants/api/error.h"

namespace attnbench {

Json dataset_fingerprints(const Plan& plan) {
  Json datasets = Json::object();
  for (const auto& name : plan.datasets()) {
    try {
      const auto dataset = open_dataset(name);
      datasets[name] = dataset->fingerprint();
      for (const auto& extra : plan.extra_inputs(name))
        if (const auto own = dataset->fingerprint_of_own(extra)) datasets[name + ", input " + extra] = *own;
    } catch (const UserError&) {  // its cases are recorded as skipped, with the reason, when their turn comes
    }
  }
  return datasets;
}

std::optional<std::string> contradicting_dataset(const Json& a, const Json& b) {
  for (const auto& [name, fingerprint] : a.items())
    if (b.contains(name) && b[name] != fingerprint) return name;
  return std::nullopt;
}

}  // namespace attnbench
