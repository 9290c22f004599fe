// oneDNN's primitives in this process: scores = Q K^T, softmax over the keys, scores V; the version in Debian has no fused
// attention. The scale is an attribute of the first product. The causal mask adds -inf, one matrix for all heads, by a binary
// primitive head by head: as a post-operation of the product, or broadcast over the heads, oneDNN 2.6 runs its reference code
// instead (n = 128: 130 ms for what takes 0.2 ms without a mask). Shapes are [batch, kv head, group, n, d], so that a key/value
// head is broadcast over its group and nothing is copied, whatever the strides.
#include "variants/external/backend.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <limits>
#include <optional>

namespace attnbench::external {
namespace {

using Dims = dnnl::memory::dims;
using Descriptor = dnnl::memory::desc;

constexpr auto kFloat = dnnl::memory::data_type::f32;

Descriptor dense(const Dims& shape) { return {shape, kFloat, dnnl::memory::format_tag::abcde}; }

// A tensor [batch, heads, n, d] seen as [batch, kv head, heads / kv head, n, d].
Descriptor grouped(const attnbench_tensor& x, std::int64_t heads_kv) {
  const auto group = x.shape[1] / heads_kv;
  return {{x.shape[0], heads_kv, group, x.shape[2], x.shape[3]},
          kFloat,
          {x.stride[0], group * x.stride[1], x.stride[1], x.stride[2], x.stride[3]}};
}

// The same with its last two axes exchanged.
Descriptor transposed(const attnbench_tensor& x) {
  return {{x.shape[0], x.shape[1], 1, x.shape[3], x.shape[2]},
          kFloat,
          {x.stride[0], x.stride[1], x.stride[1], x.stride[3], x.stride[2]}};
}

bool is_causal(const attnbench_problem& p) {
  return p.causal != ATTNBENCH_NOT_CAUSAL && !(p.n_q == 1 && p.causal == ATTNBENCH_BOTTOM_RIGHT);
}

// [n_q, n_k]: 0 where a query sees the key, else -inf.
void fill_mask(const attnbench_problem& p, const dnnl::memory& mask) {
  const auto shift = p.causal == ATTNBENCH_BOTTOM_RIGHT ? p.n_k - p.n_q : 0;
  auto* row = static_cast<float*>(mask.get_data_handle());
  for (std::int64_t i = 0; i < p.n_q; ++i, row += p.n_k)
    for (std::int64_t j = 0; j < p.n_k; ++j) row[j] = j <= i + shift ? 0.0f : -std::numeric_limits<float>::infinity();
}

// The primitives for tensors of certain strides, and the memory between them.
class Primitives {
 public:
  explicit Primitives(const attnbench_task& task)
      : engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        q_(grouped(*task.q, task.problem->heads_kv), engine_, nullptr),
        k_(transposed(*task.k), engine_, nullptr),
        v_(grouped(*task.v, task.problem->heads_kv), engine_, nullptr),
        output_(grouped(*task.output, task.problem->heads_kv), engine_, nullptr),
        scores_(dense(scores_shape(*task.problem)), engine_) {
    build_score(*task.problem);
    const auto scores = scores_.get_desc();
    const dnnl::softmax_forward::primitive_desc softmax({dnnl::prop_kind::forward_inference, scores, 4}, engine_);
    const dnnl::matmul::primitive_desc weigh({scores, v_.get_desc(), output_.get_desc()}, engine_);
    softmax_ = dnnl::softmax_forward(softmax);
    weigh_ = dnnl::matmul(weigh);
    kernels_ += std::string(", softmax ") + softmax.impl_info_str() + ", matmul " + weigh.impl_info_str();
  }

  void execute(const attnbench_task& task) {
    q_.set_data_handle(task.q->data);
    k_.set_data_handle(task.k->data);
    v_.set_data_handle(task.v->data);
    output_.set_data_handle(task.output->data);
    score_.execute(stream_, {{DNNL_ARG_SRC, q_}, {DNNL_ARG_WEIGHTS, k_}, {DNNL_ARG_DST, scores_}});
    if (mask_) hide_future(*task.problem);
    softmax_.execute(stream_, {{DNNL_ARG_SRC, scores_}, {DNNL_ARG_DST, scores_}});
    weigh_.execute(stream_, {{DNNL_ARG_SRC, scores_}, {DNNL_ARG_WEIGHTS, v_}, {DNNL_ARG_DST, output_}});
    stream_.wait();
  }

  const std::string& kernels() const { return kernels_; }

 private:
  static Dims scores_shape(const attnbench_problem& p) { return {p.batch, p.heads_kv, p.heads_q / p.heads_kv, p.n_q, p.n_k}; }

  void build_score(const attnbench_problem& p) {
    dnnl::primitive_attr attributes;
    attributes.set_output_scales(0, {static_cast<float>(p.scale)});
    const dnnl::matmul::primitive_desc score({q_.get_desc(), k_.get_desc(), scores_.get_desc()}, attributes, engine_);
    score_ = dnnl::matmul(score);
    kernels_ = std::string("matmul ") + score.impl_info_str();
    if (is_causal(p)) build_mask(p);
  }

  void build_mask(const attnbench_problem& p) {
    const Descriptor matrix({p.n_q, p.n_k}, kFloat, dnnl::memory::format_tag::ab);
    head_ = dnnl::memory(matrix, engine_, nullptr);
    mask_.emplace(matrix, engine_);
    fill_mask(p, *mask_);
    const dnnl::binary::primitive_desc add({dnnl::algorithm::binary_add, matrix, matrix, matrix}, engine_);
    add_ = dnnl::binary(add);
    kernels_ += std::string(", binary ") + add.impl_info_str();
  }

  void hide_future(const attnbench_problem& p) {
    auto* scores = static_cast<float*>(scores_.get_data_handle());
    for (std::int64_t head = 0; head < p.batch * p.heads_q; ++head, scores += p.n_q * p.n_k) {
      head_.set_data_handle(scores);
      add_.execute(stream_, {{DNNL_ARG_SRC_0, head_}, {DNNL_ARG_SRC_1, *mask_}, {DNNL_ARG_DST, head_}});
    }
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory q_, k_, v_, output_, scores_;
  dnnl::memory head_;                 // the scores of one head
  std::optional<dnnl::memory> mask_;  // if there is one
  dnnl::primitive score_, add_, softmax_, weigh_;
  std::string kernels_;
};

using Strides = std::array<std::int64_t, 16>;

Strides strides_of(const attnbench_task& task) {
  Strides strides;
  auto* end = strides.data();
  for (const auto* tensor : {task.q, task.k, task.v, task.output}) end = std::copy_n(tensor->stride, 4, end);
  return strides;
}

// Strides are known at the first call only; they stay what they are in every timed one.
class OneDnn : public Backend {
 public:
  explicit OneDnn(const attnbench_task& task) : threads_(task.threads) { ::omp_set_num_threads(task.threads); }

  void call(const attnbench_task& task) override {
    if (const auto strides = strides_of(task); !primitives_ || strides != strides_) {
      primitives_.emplace(task);
      strides_ = strides;
    }
    primitives_->execute(task);
  }

  void store(const attnbench_task&) override {}  // the output is the task's own

  std::vector<std::pair<std::string, std::string>> facts(const attnbench_task&) override {
    const auto* v = dnnl::version();
    return {{"library", "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch)},
            {"kernel", primitives_ ? primitives_->kernels() : ""},
            {"threads", "omp_set_num_threads(" + std::to_string(threads_) + "); ours asleep meanwhile"}};
  }

 private:
  int threads_;
  Strides strides_{};
  std::optional<Primitives> primitives_;
};

}  // namespace
}  // namespace attnbench::external

attnbench::external::Backend* attnbench_new_backend(const char*, const attnbench_task& task) {
  return new attnbench::external::OneDnn(task);
}
