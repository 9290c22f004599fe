#include "variants/api/variant.h"

#include "variants/api/names.h"

namespace attnbench {

std::uint32_t features_of(const Problem& p) {
  std::uint32_t bits = 0;
  const auto add = [&bits](bool present, Feature feature) { bits |= present ? feature : 0u; };
  add(p.heads_kv != p.heads_q, kGqa);
  add(p.n_q != p.n_k, kCross);
  add(p.d_qk != p.d_v, kUnequalDims);
  add(p.causal != Causal::none, kCausal);
  add(p.window.has_value(), kWindow);
  add(!p.key_lengths.empty(), kKeyLengths);
  add(p.mask.kind == MaskKind::boolean, kBooleanMask);
  add(p.mask.kind == MaskKind::additive, kAdditiveMask);
  add(p.scale.has_value(), kScale);
  add(p.softcap.has_value(), kSoftcap);
  add(p.dtype == DType::bf16, kBf16);
  add(p.dtype == DType::f16, kF16);
  add(p.dtype == DType::f64, kF64);
  return bits;
}

Reasons unsupported_reasons(const Variant& variant, const Problem& problem, const Params& params) {
  Reasons reasons;
  const auto missing = features_of(problem) & ~variant.supports;
  for (const auto& feature : kFeatureNames)
    if (missing & feature.bit) reasons.push_back(std::string(variant.name) + " does not support " + feature.in_words);
  const auto lacking = variant.needs & ~features_of(problem);
  for (const auto& feature : kFeatureNames)
    if (lacking & feature.bit) reasons.push_back(std::string(variant.name) + " needs " + feature.in_words);
  if (variant.unsupported) variant.unsupported(problem, params, reasons);
  return reasons;
}

std::vector<InputSpec> extras_of(const Variant& variant, const Problem& problem, const Params& params) {
  return variant.extras ? variant.extras(problem, params) : std::vector<InputSpec>{};
}

std::string label(const Variant& variant, const Params& params) {
  const auto text = params.non_default();
  return text.empty() ? std::string(variant.name) : std::string(variant.name) + "(" + text + ")";
}

Prepared prepare(const Variant& variant, const Problem& problem, const Params& params, std::uint64_t seed, int threads) {
  return variant.prepare ? variant.prepare({problem, params, seed, threads}) : Prepared{};
}

std::size_t declared_workspace(const Variant& variant, const Problem& problem, const Params& params, int threads) {
  return variant.workspace ? variant.workspace(problem, params, threads) : 0;
}

const char* name_of(Computes computes) {
  switch (computes) {
    case Computes::exact_softmax: return "exact_softmax";
    case Computes::masked_softmax: return "masked_softmax";
    case Computes::approximates_softmax: return "approximates_softmax";
    case Computes::own_definition: return "own_definition";
  }
  return "";
}

}  // namespace attnbench
