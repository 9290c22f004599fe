// Extra inputs: what a variant declares it reads, and what it does not declare it cannot.
#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <set>
#include <stdexcept>

#include "datasets/fills.h"
#include "harness/contract/cases.h"
#include "harness/contract/check.h"
#include "harness/contract/one_call.h"
#include "harness/contract/random_inputs.h"
#include "harness/plugins/catalogue.h"
#include "variants/api/input_check.h"

namespace attnbench::contract {
namespace {

constexpr const char* kProblems[] = {"b2 h2 n97 d33", "b2 h4:2 n113 d8 causal", "b1 h2 n9 d8 causal"};

bool same(const Tensor& x, const Tensor& y) { return std::memcmp(x.data(), y.data(), x.bytes()) == 0; }

// Other numbers that the same fill could give; where it gives only one, smaller ones.
Tensor perturbed(const InputSpec& spec, const Tensor& now) {
  auto other = make_fill(spec, 99);
  if (same(other, now))
    for (std::int64_t t = 0; t < element_count(spec.shape); ++t) other.data()[t] = other.data()[t] * 0.75f - 0.125f;
  return other;
}

void change_each(const VariantConfig& config, const Problem& p, Findings& findings) {
  const auto before = run(config, p, random_inputs(config, p).inputs(p));
  for (const auto& spec : config.extras(p)) {
    auto tensors = random_inputs(config, p);
    tensors.extras.set(spec.name, perturbed(spec, tensors.extras[spec.name]));
    if (same(before, run(config, p, tensors.inputs(p))))
      findings.add(fmt::format("{} {}: declares the input '{}', but other values of it change nothing", config.label(),
                               to_string(p), spec.name));
  }
}

// Names of extra inputs that any variant of this process declares.
std::set<std::string> known_names(const Problem& p) {
  std::set<std::string> names{"undeclared"};
  for (const auto* variant : known_variants())
    if (supports(defaults(*variant), p))
      for (const auto& spec : defaults(*variant).extras(p)) names.insert(spec.name);
  return names;
}

// NaN under every name that is not declared.
void offer_more(const VariantConfig& config, const Problem& p, Findings& findings) {
  auto tensors = random_inputs(config, p);
  const auto before = run(config, p, tensors.inputs(p));
  auto undeclared = known_names(p);
  for (const auto& spec : config.extras(p)) undeclared.erase(spec.name);
  for (const auto& name : undeclared) {
    Tensor nan({1, 1, 1, 1});
    nan.data()[0] = std::numeric_limits<float>::quiet_NaN();
    tensors.extras.set(name, std::move(nan));
  }
  if (!same(before, run(config, p, tensors.inputs(p))))
    findings.add(fmt::format("{} {}: reads an extra input that it does not declare", config.label(), to_string(p)));
}

}  // namespace

void check_extras(const Variant& variant, Findings& findings) {
  for (const auto& config : all_selections(variant))
    for (const char* text : kProblems) {
      const auto p = fitting(variant, parse_problem(text));
      if (!supports(config, p)) continue;
      findings.examined();
      if (const auto fault = fault_of(config.extras(p)); !fault.empty()) {
        findings.add(fmt::format("{} {}: {}", config.label(), to_string(p), fault));
        continue;
      }
      try {
        change_each(config, p, findings);
        offer_more(config, p, findings);
      } catch (const std::out_of_range& error) {
        findings.add(fmt::format("{} {}: {}", config.label(), to_string(p), error.what()));
      }
    }
}

}  // namespace attnbench::contract
