// Case: one point of a plan, to verify and measure; and the group of cases it is compared with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/planning/prediction.h"
#include "harness/planning/variant_config.h"

namespace attnbench {

/// What the cases of a group share, so that their times can be compared: the inputs, and the threads to use.
struct Workload {
  std::string dataset;  // canonical spec
  Problem problem;
  int threads = 1;

  /// "text|b1 h8 n1024 d64 f32|t2": the `group` of a record.
  std::string key() const;
};

std::shared_ptr<const Workload> make_workload(std::string dataset, Problem problem, int threads = 1);

enum class CaseStatus { planned, unsupported, skipped };

struct Case {
  std::shared_ptr<const Workload> workload;
  VariantConfig config;
  std::optional<Cost> cost{};  // as declared; kept by price(). See declared_cost().
  Prediction prior{};          // what built-in rates say
  Prediction prediction{};     // what is believed: the prior, corrected where this machine was measured (fitted_model.h)
  CaseStatus status = CaseStatus::planned;
  Reasons reasons{};  // why unsupported or skipped

  const std::string& dataset() const { return workload->dataset; }
  const Problem& problem() const { return workload->problem; }
  int threads() const { return workload->threads; }

  /// "text|b1 h8 n1024 d64 f32|naive|t2": the case part of a record's key.
  std::string key() const;
};

/// The cost that the variant declares: nothing for a problem that it does not support, and need not know.
Cost declared_cost(const Case& bench_case);

/// Cases of one workload, in the order in which their variants were selected. There is at least one.
struct Group {
  std::vector<Case> cases;
  const Workload& workload() const { return *cases.front().workload; }
};

}  // namespace attnbench
