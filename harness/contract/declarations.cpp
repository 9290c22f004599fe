// What a descriptor declares: words, parameters, features, cost, scratch. Predictions, skips and FLOP/s are derived from it, so it
// is held to what can be counted from outside.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <set>
#include <string_view>

#include "harness/contract/cases.h"
#include "harness/contract/check.h"
#include "harness/contract/pairs.h"
#include "harness/contract/random_inputs.h"
#include "harness/measure/allocation_counter.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/support/text.h"
#include "harness/worker/honesty.h"
#include "harness/worker/memory_pass.h"
#include "variants/api/error.h"
#include "variants/api/names.h"
#include "variants/api/variant_call.h"

namespace attnbench::contract {
namespace {

bool has_text(const char* text) { return text != nullptr && *text != '\0'; }

void expect(Findings& findings, bool holds, const std::string& otherwise) {
  if (!holds) findings.add(otherwise);
}

double count_pairs(const VariantConfig& config, const Problem& p) {
  double pairs = 0;
  for_each_pair(config, p, [&](auto...) { ++pairs; });
  return pairs;
}

// The power of n in one term of a label, such as "n^2 d", "n w d", "n sqrt(n) d".
double power_of_term(const std::string& term) {
  if (term.find("n^1.5") != std::string::npos || term.find("n sqrt(n") != std::string::npos) return 1.5;
  if (term.find("n^2") != std::string::npos) return 2;
  const auto n = term.find('n');
  const auto alone = [&](std::size_t at) { return at >= term.size() || !std::isalpha(static_cast<unsigned char>(term[at])); };
  return n != std::string::npos && alone(n - 1) && alone(n + 1) ? 1 : 0;
}

// How a label grows with n: between its slowest and its fastest term, as either may lead at the lengths looked at.
struct Growth {
  double least, most;
};

Growth growth_of(const std::string& label) {
  Growth growth{2, 0};
  int depth = 0;
  std::string term;
  for (const char c : label.substr(label.find('(') + 1)) {
    if (depth == 0 && (c == '+' || c == ')')) {
      growth = {std::min(growth.least, power_of_term(term)), std::max(growth.most, power_of_term(term))};
      term.clear();
      if (c == ')') break;
      continue;
    }
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    term += c;
  }
  return growth;
}

}  // namespace

void check_descriptor(const Variant& v, Findings& findings) {
  findings.examined();
  for (const auto& [field, text] : {std::pair{"name", v.name},
                                    {"family", v.family},
                                    {"summary", v.summary},
                                    {"paper", v.paper},
                                    {"time_label", v.time_label},
                                    {"memory_label", v.memory_label}})
    expect(findings, has_text(text), fmt::format("{} is empty", field));
  if (!findings.empty()) return;
  expect(findings, std::strchr(v.summary, '\n') == nullptr, "summary has more than one line");
  for (const char* text : {v.time_label, v.memory_label})
    expect(findings, std::string_view(text).starts_with("O("), fmt::format("label '{}' does not start with O(", text));
  expect(findings, v.run != nullptr, "there is no run()");
  expect(findings, v.cost != nullptr, "there is no cost()");
  expect(findings, (v.supports & ~kAllFeatures) == 0, "supports features that do not exist");
  expect(findings, (v.needs & ~v.supports) == 0, "needs features that it does not support");
  const bool dense = v.computes == Computes::exact_softmax, pattern = v.computes == Computes::masked_softmax;
  expect(findings, (v.oracle != nullptr) == (!dense && !pattern), "needs an oracle() exactly when it computes no (masked) softmax");
  expect(findings, (v.attends != nullptr) == pattern, "needs attends() exactly when it computes a masked softmax");
  expect(findings, (v.laws & kRowStochastic) == 0 || (v.laws & kWeightsReadable) != 0,
         "claims that weights sum to one, but not that they can be read");
  if (dense)
    expect(findings, v.laws == kSoftmaxLaws, "computes exact softmax, so it obeys all of softmax's laws and must claim them");
}

void check_parameters(const Variant& v, Findings& findings) {
  std::set<std::string> names;
  for (const auto& spec : v.params) {
    findings.examined();
    expect(findings, names.insert(spec.name).second, fmt::format("{} is declared twice", spec.name));
    expect(findings, has_text(spec.help), fmt::format("{} has no help", spec.name));
    if (spec.type != ParamSpec::Type::choice) {
      expect(findings, spec.min <= spec.number && spec.number <= spec.max, fmt::format("{} has a default out of range", spec.name));
      continue;
    }
    try {
      Params(v.params).set(spec.name, spec.text);
    } catch (const UserError& error) {
      findings.add(error.what());
    }
  }
  expect(findings, defaults(v).label() == v.name, "the default parameters are not the plain name");
}

void check_refusals(const Variant& v, Findings& findings) {
  findings.examined();
  const auto plain = parse_problem("b2 h2 n9 d8"), least = fitting(v, plain);
  expect(findings, supports(defaults(v), least), fmt::format("refuses the plain problem {}", to_string(least)));
  for (const auto& feature : kFeatureNames) {
    const bool needed = (v.needs & feature.bit) != 0, listed = (v.supports & feature.bit) != 0;
    const auto problem = with_features(plain, needed ? v.needs & ~feature.bit : v.needs | feature.bit);
    const auto reasons = unsupported_reasons(v, problem, Params(v.params));
    if (needed)
      expect(findings, !reasons.empty(), fmt::format("{} is in `needs`, but {} is accepted", feature.name, to_string(problem)));
    else
      expect(findings, reasons.empty() == listed,
             fmt::format("{} is {} in `supports`, but {} is {}", feature.name, listed ? "" : "not", to_string(problem),
                         listed ? "refused: " + join(reasons, "; ") : "accepted"));
    for (const auto& reason : reasons)
      expect(findings, reason.find(v.name) != std::string::npos, fmt::format("'{}' does not name the variant", reason));
  }
}

void check_cost_sane(const Variant& v, Findings& findings) {
  for (const auto& config : all_selections(v))
    for (const auto& p : supported_problems(config)) {
      findings.examined();
      const auto cost = v.cost(p, config.params);
      const auto where = config.label() + " " + to_string(p) + ": ";
      if (const auto fault = cost_fault(config, p); !fault.empty()) findings.add(where + fault);
      for (const double count : {cost.multiply_adds, cost.exps, cost.bytes, cost.pairs})
        expect(findings, std::isfinite(count) && count >= 0, where + fmt::format("a count of {}", count));
      double least = compulsory_bytes(p);
      for (const auto& spec : config.extras(p)) least += static_cast<double>(spec.bytes());
      expect(findings, std::isfinite(cost.depth) && cost.depth >= 1, where + fmt::format("a depth of {}", cost.depth));
      expect(findings, cost.bytes >= least,
             where + fmt::format("{} bytes, less than the {} of its inputs and output", cost.bytes, least));
      expect(findings, visible_pairs(p) == 0 || cost.multiply_adds > 0, where + "no multiply-adds");
      expect(findings, cost.pairs <= visible_pairs(p),
             where + fmt::format("{} pairs of {} that masks leave", cost.pairs, visible_pairs(p)));
    }
}

// Also a floor for multiply-adds: each pair takes one score and one share of a value, if nothing is approximated.
void check_pairs(const Variant& v, Findings& findings) {
  if (v.computes != Computes::exact_softmax && v.computes != Computes::masked_softmax) return;
  for (const auto& config : all_selections(v))
    for (const char* text : kCountedProblems) {
      const auto p = parse_problem(text);
      if (!supports(config, p)) continue;
      findings.examined();
      const auto declared = v.cost(p, config.params);
      const double counted = count_pairs(config, p), least = counted * static_cast<double>(p.d_qk + p.d_v);
      expect(findings, declared.pairs == counted,
             fmt::format("{} {}: declares {} pairs, counted {}", config.label(), text, declared.pairs, counted));
      expect(
          findings, declared.multiply_adds >= least,
          fmt::format("{} {}: declares {} multiply-adds, its pairs take {}", config.label(), text, declared.multiply_adds, least));
    }
}

// The power of n in workspace and prepared memory, from the differences between three doublings, so that what is constant does not
// count; 0 where next to nothing is added.
double memory_growth(const Variant& v, const VariantConfig& config) {
  const auto memory = [&](const char* n) {
    const auto p = fitting(v, parse_problem(std::string("b1 h4 d64 n") + n));
    return static_cast<double>(declared_workspace(v, p, config.params, 2) + prepare(v, p, config.params, kSeed, 2).bytes);
  };
  const double small = memory("262144"), medium = memory("524288"), large = memory("1048576");
  if (medium - small <= 0.01 * small) return 0;  // also without any
  return std::log2((large - medium) / (medium - small));
}

void check_growth(const Variant& v, Findings& findings) {
  findings.examined();
  constexpr double kMargin = 0.1;  // of an exponent: lower-order terms at these lengths
  const auto config = defaults(v);
  const auto at = [&](const char* n) { return fitting(v, parse_problem(std::string("b1 h4 d64 n") + n)); };
  const auto work = [&](const char* n) {
    const auto cost = v.cost(at(n), config.params);
    return cost.multiply_adds + cost.exps;
  };
  const bool plus_inner = std::string_view(v.time_label).ends_with("+ inner");  // of which nothing is known here
  const double measured = std::log2(work("65536") / work("32768"));
  const auto declared = growth_of(v.time_label);
  expect(findings, measured >= declared.least - kMargin && (plus_inner || measured <= declared.most + kMargin),
         fmt::format("declared cost grows as n^{:.2f}, the label says {}", measured, v.time_label));
  const double growth = memory_growth(v, config);
  const auto memory = growth_of(v.memory_label);
  expect(findings, growth >= memory.least - kMargin && growth <= memory.most + kMargin,
         fmt::format("declared workspace and prepared memory grow as n^{:.2f}, the label says {}", growth, v.memory_label));
}

void check_workspace(const Variant& v, Findings& findings) {
  const auto config = defaults(v);
  for (const int threads : {1, 2}) {
    const ThreadArena arena(threads);
    for (const auto& p : supported_problems(config)) {
      findings.examined();
      const auto tensors = random_inputs(config, p);
      const Tensor out(output_shape(p));
      VariantCall call(v, config.params, p, kSeed, arena.parallel());
      call.run(tensors.inputs(p), out.ref());
      const auto declared = call.workspace().declared(), peak = call.workspace().peak();
      expect(findings, peak <= declared && declared <= 2 * peak + 4096,
             fmt::format("{}, {} threads: declares {} bytes, takes {}", to_string(p), threads, declared, peak));
    }
  }
}

void check_heap(const Variant& v, Findings& findings) {
  if (!heap_is_counted()) return;
  const auto config = defaults(v);
  for (const int threads : {1, 2}) {
    const ThreadArena arena(threads);
    wake_threads(arena.parallel());
    for (const auto& p : supported_problems(config)) {
      findings.examined();
      const auto tensors = random_inputs(config, p);
      const Tensor out(output_shape(p));
      const auto inputs = tensors.inputs(p);
      VariantCall call(v, config.params, p, kSeed, arena.parallel());
      call.run(inputs, out.ref());  // threads and buffers of the libraries underneath come to life here
      AllocationCounter watch;
      call.run(inputs, out.ref());
      watch.stop();
      expect(findings, watch.allocations() == 0,
             fmt::format("{}, {} threads: {} allocations of {} bytes (malloc, new, mmap)", to_string(p), threads,
                         watch.allocations(), watch.bytes()));
    }
  }
}

}  // namespace attnbench::contract
