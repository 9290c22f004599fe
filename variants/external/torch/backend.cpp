// PyTorch's scaled_dot_product_attention, called in this process through its C++ library. The inputs are seen where they lie. The
// output is a tensor that PyTorch allocates in each call, as it does for its users; store() copies the last one out.
#include "variants/external/backend.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/SDPBackend.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>

#include <optional>
#include <string>
#include <string_view>

namespace attnbench::external {
namespace {

at::Tensor view(const attnbench_tensor& x) {
  const auto type = x.dtype == ATTNBENCH_F32 ? at::kFloat : at::kBool;
  return at::from_blob(x.data, at::IntArrayRef(x.shape, 4), at::IntArrayRef(x.stride, 4), at::TensorOptions().dtype(type));
}

// A single query aligned bottom-right sees every key: no mask at all.
bool is_causal(const attnbench_problem& p) {
  return p.causal != ATTNBENCH_NOT_CAUSAL && !(p.n_q == 1 && p.causal == ATTNBENCH_BOTTOM_RIGHT);
}

// Forces one of the two backends there are on a CPU, or leaves both to choose from.
void choose(std::string_view mode) {
  auto& context = at::globalContext();
  context.setSDPUseFlash(mode != "math");
  context.setSDPUseMath(mode != "flash");
}

const char* name_of(std::int64_t choice) {
  switch (static_cast<at::SDPBackend>(choice)) {
    case at::SDPBackend::math: return "math";
    case at::SDPBackend::flash_attention: return "flash";
    default: return "another";
  }
}

class Torch : public Backend {
 public:
  Torch(std::string_view mode, const attnbench_task& task) : threads_(task.threads) {
    choose(mode);
    at::set_num_threads(task.threads);
    load_code_pages();
  }

  void call(const attnbench_task& task) override {
    const c10::InferenceMode inference;
    const auto a = of(task);
    output_ = at::scaled_dot_product_attention(a.q, a.k, a.v, a.mask, 0.0, a.causal, a.scale, a.gqa);
  }

  void store(const attnbench_task& task) override {
    const c10::InferenceMode inference;
    view(*task.output).copy_(output_);
  }

  std::vector<std::pair<std::string, std::string>> facts(const attnbench_task& task) override {
    const c10::InferenceMode inference;
    const auto a = of(task);
    const auto choice = at::_fused_sdp_choice(a.q, a.k, a.v, a.mask, 0.0, a.causal, a.scale, a.gqa);
    return {{"library", std::string("PyTorch ") + TORCH_VERSION},
            {"kernel", std::string(name_of(choice)) + " backend, " + at::get_cpu_capability()},
            {"threads", "at::set_num_threads(" + std::to_string(threads_) + "), OpenMP; ours asleep meanwhile"}};
  }

 private:
  struct Arguments {
    at::Tensor q, k, v;
    std::optional<at::Tensor> mask;
    bool causal;
    double scale;
    bool gqa;
  };

  static Arguments of(const attnbench_task& task) {
    const auto& p = *task.problem;
    Arguments arguments{view(*task.q), view(*task.k), view(*task.v), {}, is_causal(p), p.scale, p.heads_q != p.heads_kv};
    if (task.mask) arguments.mask = view(*task.mask);
    return arguments;
  }

  // One small call, so that the memory of the first real one is its own and not the library's code.
  static void load_code_pages() {
    const c10::InferenceMode inference;
    const auto x = at::zeros({1, 1, 64, 64}, at::kFloat);
    at::scaled_dot_product_attention(x, x, x);
  }

  int threads_;
  at::Tensor output_;
};

}  // namespace
}  // namespace attnbench::external

attnbench::external::Backend* attnbench_new_backend(const char* mode, const attnbench_task& task) {
  return new attnbench::external::Torch(mode, task);
}
