#include "harness/plugins/abi.h"

#include <algorithm>

namespace attnbench::plugins {

namespace {

// The numbers of the ABI never change. Those of the enums may, and would be mapped then.
constexpr bool same(std::uint32_t abi, auto ours) { return abi == static_cast<std::uint32_t>(ours); }
static_assert(same(ATTNBENCH_FEATURE_GQA, kGqa) && same(ATTNBENCH_FEATURE_CROSS, kCross));
static_assert(same(ATTNBENCH_FEATURE_UNEQUAL_DIMS, kUnequalDims) && same(ATTNBENCH_FEATURE_CAUSAL, kCausal));
static_assert(same(ATTNBENCH_FEATURE_WINDOW, kWindow) && same(ATTNBENCH_FEATURE_KEY_LENGTHS, kKeyLengths));
static_assert(same(ATTNBENCH_FEATURE_BOOLEAN_MASK, kBooleanMask) && same(ATTNBENCH_FEATURE_ADDITIVE_MASK, kAdditiveMask));
static_assert(same(ATTNBENCH_FEATURE_SCALE, kScale) && same(ATTNBENCH_FEATURE_SOFTCAP, kSoftcap));
static_assert(same(ATTNBENCH_FEATURE_BF16, kBf16) && same(ATTNBENCH_FEATURE_F16, kF16) && same(ATTNBENCH_FEATURE_F64, kF64));
static_assert(same(ATTNBENCH_LAW_ROW_STOCHASTIC, kRowStochastic) && same(ATTNBENCH_LAW_KEY_PERMUTATION, kKeyPermutation));
static_assert(same(ATTNBENCH_LAW_INDEPENDENT_HEADS, kIndependentHeads) && same(ATTNBENCH_LAW_SCORE_SHIFT, kScoreShift));
static_assert(same(ATTNBENCH_LAW_WEIGHTS_READABLE, kWeightsReadable));
static_assert(same(ATTNBENCH_LAW_CAUSAL_TO_ROUNDING, kCausalToRounding) && same(ATTNBENCH_LAW_CONSTANT_ROW_SUM, kConstantRowSum));
static_assert(same(ATTNBENCH_LAW_SCALE_INVARIANCE, kScaleInvariance));
static_assert(same(ATTNBENCH_F32, DType::f32) && same(ATTNBENCH_U8, DType::u8) && same(ATTNBENCH_FORWARD, Phase::forward));
static_assert(same(ATTNBENCH_BF16, DType::bf16) && same(ATTNBENCH_F16, DType::f16) && same(ATTNBENCH_F64, DType::f64));
static_assert(same(ATTNBENCH_TOP_LEFT, Causal::top_left) && same(ATTNBENCH_BOTTOM_RIGHT, Causal::bottom_right));
static_assert(same(ATTNBENCH_BOOLEAN_MASK, MaskKind::boolean) && same(ATTNBENCH_ADDITIVE_MASK, MaskKind::additive));
static_assert(same(ATTNBENCH_MASKED_SOFTMAX, Computes::masked_softmax) && same(ATTNBENCH_OWN_DEFINITION, Computes::own_definition));
static_assert(same(ATTNBENCH_REAL, ParamSpec::Type::real) && same(ATTNBENCH_CHOICE, ParamSpec::Type::choice));

static_assert(same(ATTNBENCH_FILL_NORMAL, Fill::Kind::normal) && same(ATTNBENCH_FILL_SIGMOID, Fill::Kind::sigmoid));
static_assert(same(ATTNBENCH_FILL_LOG_SIGMOID, Fill::Kind::log_sigmoid) && same(ATTNBENCH_FILL_SOFTPLUS, Fill::Kind::softplus));
static_assert(same(ATTNBENCH_FILL_MAMBA_DECAY, Fill::Kind::mamba_decay) && same(ATTNBENCH_FILL_CONSTANT, Fill::Kind::constant));
static_assert(same(ATTNBENCH_FILL_PER_HEAD, Fill::Kind::per_head));

}  // namespace

AbiProblem::AbiProblem(const Problem& p) : text_(to_string(p)), key_lengths_(p.key_lengths) {
  problem_.head = head_of<attnbench_problem>();
  problem_.text = text_.c_str();
  problem_.features = features_of(p);
  problem_.dtype = static_cast<std::int32_t>(p.dtype);
  problem_.phase = static_cast<std::int32_t>(p.phase);
  problem_.causal = static_cast<std::int32_t>(p.causal);
  problem_.batch = p.batch;
  problem_.heads_q = p.heads_q;
  problem_.heads_kv = p.heads_kv;
  problem_.n_q = p.n_q;
  problem_.n_k = p.n_k;
  problem_.d_qk = p.d_qk;
  problem_.d_v = p.d_v;
  problem_.window_left = p.window ? p.window->left : Window::kUnbounded;
  problem_.window_right = p.window ? p.window->right : Window::kUnbounded;
  problem_.key_lengths = key_lengths_.empty() ? nullptr : key_lengths_.data();
  problem_.mask_kind = static_cast<std::int32_t>(p.mask.kind);
  problem_.mask_per_batch = p.mask.per_batch;
  problem_.mask_per_head = p.mask.per_head;
  problem_.scale_is_explicit = p.scale.has_value();
  problem_.scale = p.effective_scale();
  problem_.softcap = p.softcap.value_or(0);
}

AbiParams::AbiParams(const Params& params) : owned_(params.values()), values_(owned_.size()) {
  for (std::size_t i = 0; i < owned_.size(); ++i) {
    auto& value = values_[i];
    value.head = head_of<attnbench_param_value>();
    value.name = params.specs()[i].name;
    value.kind = static_cast<std::int32_t>(params.specs()[i].type);
    if (const auto* integer = std::get_if<std::int64_t>(&owned_[i])) value.integer = *integer;
    if (const auto* real = std::get_if<double>(&owned_[i])) value.real = *real;
    if (const auto* word = std::get_if<std::string>(&owned_[i])) value.text = word->c_str();
    pointers_.push_back(&value);
  }
  params_ = {head_of<attnbench_params>(), pointers_.size(), pointers_.data()};
}

attnbench_tensor abi_tensor(const TensorRef& tensor) {
  attnbench_tensor abi{};
  abi.head = head_of<attnbench_tensor>();
  abi.data = tensor.data;
  abi.dtype = static_cast<std::int32_t>(tensor.dtype);
  for (std::size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    abi.shape[axis] = tensor.shape[axis];
    abi.stride[axis] = tensor.stride[axis];
  }
  return abi;
}

Computes computes_of(std::uint32_t number) { return static_cast<Computes>(number); }

InputSpec input_spec(const attnbench_input_spec& given) {
  InputSpec spec;
  spec.name = given.name ? given.name : "";
  std::copy_n(given.shape, spec.shape.size(), spec.shape.begin());
  spec.fill = {static_cast<Fill::Kind>(given.fill), given.a, given.b};
  spec.help = given.help ? given.help : "";
  return spec;
}

ParamSpec param_spec(const attnbench_param_spec& given) {
  const auto or_empty = [](const char* text) { return text ? text : ""; };
  return {or_empty(given.name),
          static_cast<ParamSpec::Type>(given.kind),
          given.number,
          given.min,
          given.max,
          or_empty(given.text),
          or_empty(given.choices),
          or_empty(given.help)};
}

}  // namespace attnbench::plugins
