// The external baselines, and what each cannot do. Limits are the libraries' own, of the versions named in
// docs/external-baselines.md; a limit that a newer version lifts is one line here.
#include "variants/external/cost.h"
#include "variants/external/external_variant.h"

namespace attnbench::external {
namespace {

constexpr const char* kTorch[] = {"torch"};
constexpr const char* kOnnxRuntime[] = {"onnxruntime", "onnx", "numpy"};
constexpr const char* kOpenVino[] = {"openvino", "numpy"};
constexpr const char* kJax[] = {"jax", "jaxlib", "numpy"};
constexpr const char* kNumPy[] = {"numpy"};

constexpr std::uint32_t kPlain = ATTNBENCH_FEATURE_CROSS | ATTNBENCH_FEATURE_CAUSAL | ATTNBENCH_FEATURE_SCALE;
constexpr std::uint32_t kGqa = ATTNBENCH_FEATURE_GQA;
constexpr std::uint32_t kUnequal = ATTNBENCH_FEATURE_UNEQUAL_DIMS;
constexpr std::uint32_t kMasks = ATTNBENCH_FEATURE_BOOLEAN_MASK | ATTNBENCH_FEATURE_ADDITIVE_MASK;

bool shifted_diagonal(const attnbench_problem& p) { return causal_cuts(p) && p.causal == ATTNBENCH_BOTTOM_RIGHT && p.n_q != p.n_k; }

void top_left_only(const attnbench_problem& p, Reasons& reasons) {
  if (shifted_diagonal(p)) reasons.push_back("its causal flag is aligned top-left; bottom-right with several queries needs a mask");
}

void one_mask_at_a_time(const attnbench_problem& p, Reasons& reasons) {
  if (causal_cuts(p) && p.mask_kind != ATTNBENCH_NO_MASK) reasons.push_back("takes a causal flag or a dense mask, not both");
  top_left_only(p, reasons);
}

void square_or_single(const attnbench_problem& p, Reasons& reasons) {
  top_left_only(p, reasons);
  if (causal_cuts(p) && p.n_q != p.n_k) reasons.push_back("its causal flag wants n_q = n_k");
}

void group_query_limits(const attnbench_problem& p, Reasons& reasons) {
  if (p.causal == ATTNBENCH_NOT_CAUSAL && p.n_q > 1) reasons.push_back("GroupQueryAttention is always causal");
  if (p.causal == ATTNBENCH_TOP_LEFT && p.n_q != p.n_k) reasons.push_back("GroupQueryAttention aligns its diagonal bottom-right");
  if (p.n_q != 1 && p.n_q != p.n_k) reasons.push_back("run for a whole prompt (n_q = n_k) or one new token (n_q = 1) only");
  if (p.d_qk % 8 != 0) reasons.push_back("GroupQueryAttention wants a head dimension that is a multiple of 8");
}

constexpr ExternalVariant kExternalVariants[] = {
    {.name = "torch_sdpa",
     .framework = "PyTorch",
     .call = "scaled_dot_product_attention, the backend it chooses",
     .engine = Engine::in_process,
     .home = "torch",
     .mode = "default",
     .packages = kTorch,
     .writes_our_output = false,
     .scores = {},
     .resident_mib = 110,
     .start_seconds = 0.35,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa | kUnequal | kMasks,
     .unsupported = one_mask_at_a_time},
    {.name = "torch_sdpa_flash",
     .framework = "PyTorch",
     .call = "scaled_dot_product_attention, flash backend forced",
     .engine = Engine::in_process,
     .home = "torch",
     .mode = "flash",
     .packages = kTorch,
     .writes_our_output = false,
     .scores = {},
     .resident_mib = 110,
     .start_seconds = 0.35,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa | kMasks,
     .unsupported = one_mask_at_a_time},
    {.name = "torch_sdpa_math",
     .framework = "PyTorch",
     .call = "scaled_dot_product_attention, math backend forced",
     .engine = Engine::in_process,
     .home = "torch",
     .mode = "math",
     .packages = kTorch,
     .writes_our_output = false,
     .scores = {2.25, 2.5},
     .resident_mib = 110,
     .start_seconds = 0.35,
     .fused = false,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa | kUnequal | kMasks,
     .unsupported = one_mask_at_a_time},
    {.name = "torch_mha",
     .framework = "PyTorch",
     .call = "nn.MultiheadAttention: projections around the attention",
     .engine = Engine::adapter,
     .home = "torch_modules",
     .mode = "mha",
     .packages = kTorch,
     .writes_our_output = false,
     .scores = {},
     .resident_mib = 240,
     .start_seconds = 2.3,
     .mathematics = Mathematics::multi_head,
     .supports = ATTNBENCH_FEATURE_CROSS | ATTNBENCH_FEATURE_CAUSAL,
     .unsupported = square_or_single},
    {.name = "torch_flex",
     .framework = "PyTorch",
     .call = "flex_attention through torch.compile",
     .engine = Engine::adapter,
     .home = "torch_modules",
     .mode = "flex",
     .packages = kTorch,
     .writes_our_output = false,
     .scores = {},
     .resident_mib = 380,
     .start_seconds = 7.5,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa},
    {.name = "ort_attention",
     .framework = "ONNX Runtime",
     .call = "the standard operator Attention (opset 23)",
     .engine = Engine::adapter,
     .home = "onnx_runtime",
     .mode = "attention",
     .packages = kOnnxRuntime,
     .writes_our_output = false,
     .scores = {1, 1.75},
     .resident_mib = 70,
     .start_seconds = 0.5,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa | kUnequal,
     .unsupported = square_or_single},
    {.name = "ort_mha",
     .framework = "ONNX Runtime",
     .call = "com.microsoft.MultiHeadAttention",
     .engine = Engine::adapter,
     .home = "onnx_runtime",
     .mode = "mha",
     .packages = kOnnxRuntime,
     .writes_our_output = false,
     .scores = {0, 1.75},
     .resident_mib = 70,
     .start_seconds = 0.5,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kUnequal,
     .unsupported = square_or_single},
    {.name = "ort_gqa",
     .framework = "ONNX Runtime",
     .call = "com.microsoft.GroupQueryAttention",
     .engine = Engine::adapter,
     .home = "onnx_runtime",
     .mode = "gqa",
     .packages = kOnnxRuntime,
     .writes_our_output = false,
     .scores = {},
     .resident_mib = 70,
     .start_seconds = 0.5,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa,
     .unsupported = group_query_limits},
    {.name = "onednn_sdpa",
     .framework = "oneDNN",
     .call = "matmul, softmax and matmul primitives",
     .engine = Engine::in_process,
     .home = "onednn",
     .mode = "primitives",
     .packages = {},
     .writes_our_output = true,
     .scores = {1, 1},
     .resident_mib = 4,
     .start_seconds = 0.05,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa | kUnequal},
    {.name = "openvino_sdpa",
     .framework = "OpenVINO",
     .call = "ScaledDotProductAttention (opset 13)",
     .engine = Engine::adapter,
     .home = "openvino_runtime",
     .mode = "sdpa",
     .packages = kOpenVino,
     .writes_our_output = false,
     .scores = {},
     .stretched_copies = 2,
     .resident_mib = 95,
     .start_seconds = 0.45,
     .mathematics = Mathematics::attention,
     .supports = ATTNBENCH_FEATURE_CROSS | ATTNBENCH_FEATURE_CAUSAL | kGqa | kUnequal,
     .unsupported = top_left_only},
    {.name = "jax_sdpa",
     .framework = "JAX",
     .call = "jax.nn.dot_product_attention under jit",
     .engine = Engine::adapter,
     .home = "jax_xla",
     .mode = "sdpa",
     .packages = kJax,
     .writes_our_output = false,
     .scores = {2, 2},
     .resident_mib = 220,
     .start_seconds = 1.3,
     .fused = false,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa,
     .unsupported = top_left_only},
    {.name = "numpy_sdpa",
     .framework = "NumPy",
     .call = "matmul, softmax and matmul as one writes them",
     .engine = Engine::adapter,
     .home = "numpy_reference",
     .mode = "sdpa",
     .packages = kNumPy,
     .writes_our_output = false,
     .scores = {2, 2},
     .resident_mib = 30,
     .start_seconds = 0.3,
     .fused = false,
     .mathematics = Mathematics::attention,
     .supports = kPlain | kGqa | kUnequal | kMasks},
};

}  // namespace

std::span<const ExternalVariant> catalogue() { return kExternalVariants; }

}  // namespace attnbench::external
