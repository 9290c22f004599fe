// Fields: the names that an axis can set on a problem, and what their values mean.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "variants/api/problem.h"

namespace attnbench {

struct ProblemField {
  const char* name;    // "n"
  const char* values;  // "COUNT"
  const char* help;    // one line
  /// Sets the field from one value of an axis (fields.cpp knows how to complain).
  void (*set)(Problem& problem, std::string_view value);
  bool coarse;           // sets several sizes at once; applied before the fields that set one of them
  bool is_size = false;  // of batch, heads, lengths or dimensions: what a file of tensors fixes
};

/// All of them, coarse ones first, as the help lists them.
std::span<const ProblemField> problem_fields();

/// The field of that name, or null.
const ProblemField* find_problem_field(std::string_view name);

}  // namespace attnbench
