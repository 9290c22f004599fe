// The contract of a variant: what every built-in variant is tested for, and every plugin by `attnbench plugin check`. One list of
// checks serves both; each looks at one variant and says what it found wrong.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench::contract {

/// What a check found wrong, and whether it looked at anything at all.
class Findings {
 public:
  /// A problem or selection was examined.
  void examined() { ++examined_; }
  /// A line; the first few are kept, all are counted.
  void add(std::string line) {
    if (lines_.size() < kKept) lines_.push_back(std::move(line));
    ++count_;
  }

  bool nothing_examined() const { return examined_ == 0; }
  bool empty() const { return count_ == 0; }
  std::int64_t count() const { return count_; }
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  static constexpr std::size_t kKept = 5;
  std::int64_t examined_ = 0, count_ = 0;
  std::vector<std::string> lines_;
};

struct Check {
  const char* name;  // a word or two, with underscores
  const char* says;  // what holds of a variant that passes
  void (*run)(const Variant& variant, Findings& findings);
  bool advice = false;  // asked of the variants of this repository; of a plugin it is only remarked on
};

/// All of them, cheap ones first.
std::span<const Check> contract_checks();
/// The check of that name, or null.
const Check* find_check(std::string_view name);

// ---- The descriptor and what it declares (declarations.cpp) ----
void check_descriptor(const Variant& variant, Findings& findings);
void check_parameters(const Variant& variant, Findings& findings);
void check_refusals(const Variant& variant, Findings& findings);
void check_cost_sane(const Variant& variant, Findings& findings);
void check_pairs(const Variant& variant, Findings& findings);
void check_weights_counted(const Variant& variant, Findings& findings);
void check_growth(const Variant& variant, Findings& findings);
void check_workspace(const Variant& variant, Findings& findings);
void check_heap(const Variant& variant, Findings& findings);

// ---- What run() writes (outputs.cpp) ----
void check_oracle(const Variant& variant, Findings& findings);
void check_oracle_params(const Variant& variant, Findings& findings);
void check_threads(const Variant& variant, Findings& findings);
void check_strides(const Variant& variant, Findings& findings);
void check_nan_policy(const Variant& variant, Findings& findings);
void check_lowest_mask(const Variant& variant, Findings& findings);
void check_float_environment(const Variant& variant, Findings& findings);

// ---- Extra inputs (extras.cpp) ----
void check_extras(const Variant& variant, Findings& findings);

// ---- Laws (laws.cpp): independence of batch entries, causality and determinism of all; the others where they are claimed ----
void check_batch(const Variant& variant, Findings& findings);
void check_heads(const Variant& variant, Findings& findings);
void check_permutation(const Variant& variant, Findings& findings);
void check_row_sums(const Variant& variant, Findings& findings);
void check_scale_invariance(const Variant& variant, Findings& findings);
void check_score_shift(const Variant& variant, Findings& findings);
void check_causality(const Variant& variant, Findings& findings);
void check_determinism(const Variant& variant, Findings& findings);
void check_readable_weights(const Variant& variant, Findings& findings);

}  // namespace attnbench::contract
