// oneDNN's primitives in this process: scores = Q K^T, softmax over the keys, scores V; the version in Debian has no fused
// attention. The scale is an attribute of the first product, and the causal mask a post-operation of it that adds -inf, one matrix
// for all heads. Shapes are [batch, kv head, group, n, d], so that a key/value head is broadcast over its group and nothing copied.
#include "peers/backend.h"

#include <omp.h>

#include <cmath>
#include <dnnl.hpp>
#include <limits>
#include <unordered_map>

namespace attnbench::peers {
namespace {

using Dims = dnnl::memory::dims;
using Descriptor = dnnl::memory::desc;
using Arguments = std::unordered_map<int, dnnl::memory>;

constexpr auto kFloat = dnnl::memory::data_type::f32;

Descriptor dense(const Dims& shape) { return {shape, kFloat, dnnl::memory::format_tag::abcde}; }

// A dense [batch, heads, n, d] as [batch, kv head, heads / kv head, n, d].
Descriptor grouped(std::int64_t batch, std::int64_t heads, std::int64_t heads_kv, std::int64_t n, std::int64_t d) {
  return dense({batch, heads_kv, heads / heads_kv, n, d});
}

// The same with its last two axes exchanged.
Descriptor transposed(const attnbench_problem& p) {
  const auto n = p.n_k, d = p.d_qk;
  return {{p.batch, p.heads_kv, 1, d, n}, kFloat, {p.heads_kv * n * d, n * d, n * d, 1, d}};
}

bool is_causal(const attnbench_problem& p) {
  return p.causal != ATTNBENCH_NOT_CAUSAL && !(p.n_q == 1 && p.causal == ATTNBENCH_BOTTOM_RIGHT);
}

void hide_future(const attnbench_problem& p, const dnnl::memory& mask) {
  const auto shift = p.causal == ATTNBENCH_BOTTOM_RIGHT ? p.n_k - p.n_q : 0;
  auto* row = static_cast<float*>(mask.get_data_handle());
  for (std::int64_t i = 0; i < p.n_q; ++i, row += p.n_k)
    for (std::int64_t j = 0; j < p.n_k; ++j) row[j] = j <= i + shift ? 0.0f : -std::numeric_limits<float>::infinity();
}

class OneDnn : public Backend {
 public:
  explicit OneDnn(const attnbench_task& task) : OneDnn(*task.problem, task.threads, dnnl::engine(dnnl::engine::kind::cpu, 0)) {}

  void call(const attnbench_task& task) override {
    q_.set_data_handle(task.q->data);
    k_.set_data_handle(task.k->data);
    v_.set_data_handle(task.v->data);
    output_.set_data_handle(task.output->data);
    score_.execute(stream_, score_arguments_);
    softmax_.execute(stream_, {{DNNL_ARG_SRC, scores_}, {DNNL_ARG_DST, scores_}});
    weigh_.execute(stream_, {{DNNL_ARG_SRC, scores_}, {DNNL_ARG_WEIGHTS, v_}, {DNNL_ARG_DST, output_}});
    stream_.wait();
  }

  void store(const attnbench_task&) override {}  // the output is the task's own

  std::vector<std::pair<std::string, std::string>> facts(const attnbench_task&) override {
    const auto* v = dnnl::version();
    return {{"library", "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch)},
            {"kernel", kernels_},
            {"threads", "omp_set_num_threads(" + std::to_string(threads_) + "); ours asleep meanwhile"}};
  }

 private:
  OneDnn(const attnbench_problem& p, int threads, const dnnl::engine& engine)
      : threads_(threads),
        stream_(engine),
        q_(grouped(p.batch, p.heads_q, p.heads_kv, p.n_q, p.d_qk), engine, nullptr),
        k_(transposed(p), engine, nullptr),
        v_(grouped(p.batch, p.heads_kv, p.heads_kv, p.n_k, p.d_v), engine, nullptr),
        output_(grouped(p.batch, p.heads_q, p.heads_kv, p.n_q, p.d_v), engine, nullptr),
        scores_(grouped(p.batch, p.heads_q, p.heads_kv, p.n_q, p.n_k), engine) {
    ::omp_set_num_threads(threads);
    build_score(p, engine);
    const auto scores = scores_.get_desc();
    const dnnl::softmax_forward::primitive_desc softmax({dnnl::prop_kind::forward_inference, scores, 4}, engine);
    const dnnl::matmul::primitive_desc weigh({scores, v_.get_desc(), output_.get_desc()}, engine);
    softmax_ = dnnl::softmax_forward(softmax);
    weigh_ = dnnl::matmul(weigh);
    kernels_ += std::string(", softmax ") + softmax.impl_info_str() + ", matmul " + weigh.impl_info_str();
  }

  void build_score(const attnbench_problem& p, const dnnl::engine& engine) {
    dnnl::primitive_attr attributes;
    attributes.set_output_scales(0, {static_cast<float>(p.scale)});
    score_arguments_ = {{DNNL_ARG_SRC, q_}, {DNNL_ARG_WEIGHTS, k_}, {DNNL_ARG_DST, scores_}};
    if (is_causal(p)) {
      const dnnl::memory mask(dense({1, 1, 1, p.n_q, p.n_k}), engine);
      hide_future(p, mask);
      dnnl::post_ops add;
      add.append_binary(dnnl::algorithm::binary_add, mask.get_desc());
      attributes.set_post_ops(add);
      score_arguments_.emplace(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1, mask);
    }
    const dnnl::matmul::primitive_desc score({q_.get_desc(), k_.get_desc(), scores_.get_desc()}, attributes, engine);
    score_ = dnnl::matmul(score);
    kernels_ = std::string("matmul ") + score.impl_info_str();
  }

  int threads_;
  dnnl::stream stream_;
  dnnl::memory q_, k_, v_, output_, scores_;
  dnnl::primitive score_, softmax_, weigh_;
  Arguments score_arguments_;
  std::string kernels_;
};

}  // namespace
}  // namespace attnbench::peers

std::unique_ptr<attnbench::peers::Backend> attnbench_make_backend(const char*, const attnbench_task& task) {
  return std::make_unique<attnbench::peers::OneDnn>(task);
}
