// Case: one point of a plan, to verify and measure.
#pragma once

#include <string>

#include "harness/planning/prediction.h"
#include "harness/planning/variant_config.h"

namespace attnbench {

enum class CaseStatus { planned, unsupported, skipped };

struct Case {
  std::string dataset;  // canonical spec
  Problem problem;
  VariantConfig config;
  int threads = 1;
  Prediction prior;       // what built-in rates say
  Prediction prediction;  // what is believed: the prior, corrected where this machine was measured (fitted_model.h)
  CaseStatus status = CaseStatus::planned;
  Reasons reasons;  // why unsupported or skipped

  /// "text|b1 h8 n1024 d64 f32|naive|t2": the case part of a record's key.
  std::string key() const;
};

}  // namespace attnbench
