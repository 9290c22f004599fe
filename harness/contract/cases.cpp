#include "harness/contract/cases.h"

#include <algorithm>
#include <cmath>

#include "datasets/fills.h"
#include "harness/contract/random_inputs.h"
#include "variants/api/error.h"
#include "variants/api/names.h"

namespace attnbench::contract {
namespace {

#ifdef ATTNBENCH_SANITIZED
constexpr std::int64_t kLongest = 130;  // sanitizers cost a factor of ten and more
#elif defined(ATTNBENCH_EMULATED)
constexpr std::int64_t kLongest = 300;  // so does an emulated processor; still several tiles of keys
#else
constexpr std::int64_t kLongest = 2000;
#endif

// n in {1, 2, 3, 17, 97, 113, 267, 1030}, d in {1, 8, 33, 64, 80, 128}, h_q / h_kv in {1, 3, 4}, each mask alone and together.
constexpr const char* kProblems[] = {
    // square, unmasked: what every variant supports
    "b1 h1 n1 d1",
    "b2 h3 n2 d8",
    "b1 h2 n3 d33",
    "b2 h3 n17 d64",
    "b1 h4 n97 d80",
    "b1 h1 n113 d128",
    "b2 h2 n267 d33",
    "b1 h2 n1030 d64",
    // grouped heads, other lengths, other dims
    "b1 h3:1 n17 d33",
    "b2 h8:2 n97 d8",
    "b2 h6:2 n113 d64",
    "b1 h4 n1:1030 d64",
    "b2 h8:2 n1:1030 d128",
    "b2 h2 n113:267 d8",
    "b1 h2 n267:97 d33",
    "b1 h2 n97 d33:80",
    "b1 h1 n113 d128:1",
    "b2 h1 n17 d1:64",
    "b1 h4:1 n3:97 d80:33",
    // causal
    "b1 h1 n1 d8 causal",
    "b2 h2 n97 d80 causal",
    "b1 h4:1 n113 d64 causal",
    "b1 h2 n267 d33 causal",
    "b1 h2 n1030 d64 causal",
    "b1 h2 n113:267 d8 causal-top-left",
    "b1 h2 n113:267 d33:8 causal-bottom-right",
    "b1 h2 n267:113 d64 causal-top-left",
    "b2 h2 n267:113 d64 causal-bottom-right",
    "b1 h8:2 n1:1030 d128 causal-bottom-right",
    "b1 h2 n1:267 d80 causal-top-left",
    // windows
    "b1 h2 n113 d33 window=5:0",
    "b1 h2 n97 d8 window=0:0",
    "b1 h2 n267 d64 causal window=31:0",
    "b1 h1 n113 d80 window=inf:3",
    "b1 h2 n97:267 d8 window=16:16",
    "b1 h2 n113:267 d8 causal-top-left window=7:2",
    "b2 h2 n267:97 d33 causal-bottom-right window=64:inf",
    "b1 h1 n3:267 d8 window=1:1",
    // key lengths, a whole batch entry hidden among them
    "b3 h2 n97 d8 klen=97,40,0",
    "b1 h2 n17 d33 klen=0",
    "b2 h2 n113 d64 causal klen=113,50",
    "b2 h2 n113:267 d33 causal-bottom-right klen=267,100",
    "b2 h6:2 n1:1030 d64 klen=1030,517",
    "b2 h2 n97 d8 causal window=20:0 klen=97,60",
    // dense masks
    "b2 h3 n97 d33 mask=bool",
    "b2 h3 n17 d8 mask=bool:b",
    "b2 h4:1 n113 d64 mask=bool:h",
    "b2 h2 n97:113 d80 causal-bottom-right mask=bool:bh",
    "b2 h3 n97 d33 mask=additive",
    "b2 h3 n17 d8 mask=additive:b",
    "b2 h4:1 n113 d64 mask=additive:h",
    "b2 h2 n113:97 d80 causal-top-left mask=additive:bh",
    // scale and softcap
    "b1 h2 n97 d64 scale=0.3",
    "b1 h2 n17 d8 scale=0",
    "b1 h2 n113 d33 causal scale=-0.2",
    "b1 h2 n113 d64 softcap=2",
    "b2 h2 n97 d8 mask=additive softcap=1.5",
    // all at once
    "b2 h6:2 n97:113 d33:80 causal-bottom-right window=40:0 klen=113,60 mask=additive:bh scale=0.2 softcap=3",
    "b2 h4:1 n113:97 d80:33 causal-top-left window=inf:2 klen=97,33 mask=bool:h scale=0.1 softcap=20",
};

// Sets a parameter when its range allows it.
void try_set(Params& params, const char* name, const std::string& value) {
  try {
    params.set(name, value);
  } catch (const UserError&) {
  }
}

std::string number_text(const ParamSpec& spec, double value) {
  return spec.type == ParamSpec::Type::integer ? std::to_string(static_cast<std::int64_t>(value)) : std::to_string(value);
}

std::vector<std::string> words(std::string choices) {
  std::vector<std::string> list;
  for (std::size_t bar; (bar = choices.find('|')) != std::string::npos; choices.erase(0, bar + 1))
    list.push_back(choices.substr(0, bar));
  if (!choices.empty()) list.push_back(choices);
  return list;
}

void add_feature(Problem& p, Feature feature) {
  switch (feature) {
    case kGqa: p.heads_q = 2 * p.heads_kv; break;
    case kCross: p.n_k = p.n_q + 3; break;
    case kUnequalDims: p.d_v = p.d_qk + 5; break;
    case kCausal: p.causal = Causal::top_left; break;
    case kWindow: p.window = Window{3, 3}; break;
    case kKeyLengths: p.key_lengths.assign(static_cast<std::size_t>(p.batch), p.n_k / 2); break;
    case kBooleanMask: p.mask.kind = MaskKind::boolean; break;
    case kAdditiveMask: p.mask.kind = MaskKind::additive; break;
    case kScale: p.scale = 0.5; break;
    case kSoftcap: p.softcap = 5; break;
    case kBf16: p.dtype = DType::bf16; break;
    case kF16: p.dtype = DType::f16; break;
    case kF64: p.dtype = DType::f64; break;
  }
}

}  // namespace

bool is_short_enough(const Problem& p) { return std::max(p.n_q, p.n_k) <= kLongest; }

std::span<const Problem> contract_problems() {
  static const auto problems = [] {
    std::vector<Problem> list;
    for (const char* text : kProblems) list.push_back(parse_problem(text));
    std::erase_if(list, [](const Problem& p) { return !is_short_enough(p); });
    return list;
  }();
  return problems;
}

Problem with_features(Problem p, std::uint32_t features) {
  for (const auto& feature : kFeatureNames)
    if (features & ~features_of(p) & feature.bit) add_feature(p, feature.bit);
  return p;
}

Problem fitting(const Variant& variant, Problem problem) { return with_features(std::move(problem), variant.needs); }

bool supports(const VariantConfig& config, const Problem& problem) {
  return unsupported_reasons(*config.variant, problem, config.params).empty();
}

std::vector<Problem> supported_problems(const VariantConfig& config) {
  std::vector<Problem> list;
  for (const auto& problem : contract_problems())
    if (supports(config, problem)) list.push_back(problem);
  return list;
}

NamedTensors random_inputs(const VariantConfig& config, const Problem& p, std::uint32_t seed) {
  auto tensors = random_inputs(p, seed);
  for (const auto& spec : config.extras(p)) tensors.extras.set(spec.name, make_fill(spec, seed));
  return tensors;
}

VariantConfig defaults(const Variant& variant) { return {&variant, Params(variant.params)}; }

std::vector<VariantConfig> other_selections(const Variant& variant) {
  auto smallest = defaults(variant), small = defaults(variant), doubled = defaults(variant);
  std::vector<VariantConfig> list;
  for (const auto& spec : variant.params) {
    if (spec.type == ParamSpec::Type::choice) {
      for (const auto& word : words(spec.choices)) {
        list.push_back(defaults(variant));
        list.back().params.set(spec.name, word);
      }
    } else {
      smallest.params.set(spec.name, number_text(spec, spec.min));
      try_set(small.params, spec.name, number_text(spec, spec.number == 0 ? 2 : std::floor(std::sqrt(std::abs(spec.number)))));
      try_set(doubled.params, spec.name, number_text(spec, spec.number == 0 ? 3 : 2 * spec.number));
    }
  }
  list.push_back(smallest);
  list.push_back(small);
  list.push_back(doubled);
  std::erase_if(list, [](const VariantConfig& s) { return s.params.non_default().empty(); });
  return list;
}

std::vector<VariantConfig> all_selections(const Variant& variant) {
  auto list = other_selections(variant);
  list.insert(list.begin(), defaults(variant));
  return list;
}

}  // namespace attnbench::contract
