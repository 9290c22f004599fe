#include "harness/commands/descriptor.h"

#include <fmt/format.h>

#include "harness/plugins/catalogue.h"
#include "harness/support/json.h"
#include "variants/api/names.h"

namespace attnbench {
namespace {

Json param_json(const ParamSpec& spec) {
  Json json{{"name", spec.name}, {"help", spec.help}};
  if (spec.type == ParamSpec::Type::choice) {
    json["type"] = "choice";
    json["default"] = spec.text;
    json["choices"] = spec.choices;
    return json;
  }
  json["type"] = spec.type == ParamSpec::Type::integer ? "integer" : "real";
  json["default"] = spec.number;
  json["min"] = spec.min;
  json["max"] = spec.max;
  return json;
}

Json extra_json(const InputSpec& spec) {
  return {{"name", spec.name}, {"shape", spec.shape}, {"fill", to_string(spec.fill)}, {"help", spec.help}};
}

constexpr double kNoBound = 1e9;  // what lies beyond is there to have a number, not to bound anything

std::string number_text(const ParamSpec& spec, double value) {
  return spec.type == ParamSpec::Type::integer ? fmt::format("{:.0f}", value) : fmt::format("{:g}", value);
}

// "0 to 64", "1 or more", "any number"
std::string range_text(const ParamSpec& spec) {
  const bool low = spec.min > -kNoBound, high = spec.max < kNoBound;
  if (low && high) return number_text(spec, spec.min) + " to " + number_text(spec, spec.max);
  if (low) return number_text(spec, spec.min) + " or more";
  return high ? number_text(spec, spec.max) + " or less" : "any number";
}

}  // namespace

const char* meaning_of(Computes computes) {
  switch (computes) {
    case Computes::exact_softmax: return "exact softmax attention";
    case Computes::masked_softmax: return "softmax attention under a pattern of its own";
    case Computes::approximates_softmax: return "an approximation of softmax attention";
    case Computes::own_definition: return "a function of its own, not softmax attention";
  }
  return "";
}

std::vector<std::string> law_names(std::uint32_t laws) { return names_of(kLawNames, laws); }

std::vector<std::string> feature_names(std::uint32_t features) { return names_of(kFeatureNames, features); }

std::string default_text(const ParamSpec& spec) {
  if (spec.type == ParamSpec::Type::choice) return *spec.choices ? fmt::format("{} ({})", spec.text, spec.choices) : spec.text;
  return fmt::format("{} ({})", number_text(spec, spec.number), range_text(spec));
}

Problem example_problem(const Variant& v) {
  return parse_problem(v.needs & kCausal ? "b1 h8 n1024 d64 f32 causal" : "b1 h8 n1024 d64 f32");
}

std::optional<std::int64_t> fewer_multiply_adds_from(const VariantConfig& config, const VariantConfig& other,
                                                     const Problem& problem) {
  const auto fewer = [&](std::int64_t n) {
    auto p = problem;
    p.n_q = p.n_k = n;
    return unsupported_reasons(*config.variant, p, config.params).empty() &&
           config.variant->cost(p, config.params).multiply_adds < other.variant->cost(p, other.params).multiply_adds;
  };
  constexpr std::int64_t kFirst = 16, kLast = std::int64_t{1} << 20;
  if (fewer(kFirst) || !fewer(kLast)) return std::nullopt;
  std::int64_t low = kFirst, high = kLast;  // fewer at high, not at low
  while (high - low > 1 + low / 100) {
    const auto middle = low + (high - low) / 2;
    (fewer(middle) ? high : low) = middle;
  }
  return high;
}

Json descriptor_json(const Variant& v) {
  Json json{{"name", v.name},
            {"family", v.family},
            {"summary", v.summary},
            {"paper", v.paper},
            {"equation", v.equation ? Json(v.equation) : Json()},
            {"computes", name_of(v.computes)},
            {"time_label", v.time_label},
            {"memory_label", v.memory_label},
            {"supports", feature_names(v.supports)},
            {"needs", feature_names(v.needs)},
            {"laws", law_names(v.laws)},
            {"params", Json::array()},
            {"extras", Json::array()},
            {"plugin", plugin_json(v)}};
  for (const auto& spec : v.params) json["params"].push_back(param_json(spec));
  for (const auto& spec : extras_of(v, example_problem(v), Params(v.params))) json["extras"].push_back(extra_json(spec));
  return json;
}

}  // namespace attnbench
