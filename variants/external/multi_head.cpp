#include "variants/external/multi_head.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

namespace attnbench::external {
namespace {

// SplitMix64 (Steele, Lea and Flood 2014, figure 16).
std::uint64_t next_random(std::uint64_t& state) {
  std::uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

const float* row_of(const attnbench_tensor& x, std::int64_t b, std::int64_t h, std::int64_t i) {
  return static_cast<const float*>(x.data) + b * x.stride[0] + h * x.stride[1] + i * x.stride[2];
}

// y = W x for one row x = concat_h(x_h).
std::vector<double> project(const std::vector<float>& w, std::span<const double> x) {
  const auto width = x.size();
  std::vector<double> y(width, 0.0);
  for (std::size_t r = 0; r < width; ++r)
    for (std::size_t c = 0; c < width; ++c) y[r] += static_cast<double>(w[r * width + c]) * x[c];
  return y;
}

// Row i of X, the heads side by side.
std::vector<double> concatenated(const attnbench_tensor& x, std::int64_t b, std::int64_t i) {
  std::vector<double> row;
  for (std::int64_t h = 0; h < x.shape[1]; ++h) row.insert(row.end(), row_of(x, b, h, i), row_of(x, b, h, i) + x.shape[3]);
  return row;
}

using Rows = std::vector<std::vector<double>>;

// Runs body(i) over [0, count) on the host's threads.
template <class Body>
void parallel(const attnbench_task& task, std::int64_t count, const Body& body) {
  task.parallel_for(
      &task, count, 1,
      [](void* state, std::int64_t begin, std::int64_t end, std::int32_t) {
        for (auto i = begin; i < end; ++i) (*static_cast<const Body*>(state))(i);
      },
      const_cast<Body*>(&body));
}

Rows projected_rows(const attnbench_task& task, const std::vector<float>& w, const attnbench_tensor& x, std::int64_t b) {
  Rows rows(static_cast<std::size_t>(x.shape[2]));
  parallel(task, x.shape[2], [&](std::int64_t i) { rows[static_cast<std::size_t>(i)] = project(w, concatenated(x, b, i)); });
  return rows;
}

// concat_h(softmax(scale q_h K_h^T) V_h) over the first `keys` keys.
std::vector<double> attend(const attnbench_problem& p, std::span<const double> q, const Rows& k, const Rows& v, std::int64_t keys) {
  std::vector<double> out(q.size(), 0.0), scores(static_cast<std::size_t>(keys));
  const auto d = static_cast<std::size_t>(p.d_qk);
  for (std::size_t begin = 0; begin < q.size(); begin += d) {
    double largest = -std::numeric_limits<double>::infinity(), total = 0;
    for (std::size_t j = 0; j < scores.size(); ++j) {
      scores[j] = 0;
      for (std::size_t c = begin; c < begin + d; ++c) scores[j] += q[c] * k[j][c];
      scores[j] *= p.scale;
      largest = std::max(largest, scores[j]);
    }
    for (auto& score : scores) total += score = std::exp(score - largest);
    for (std::size_t j = 0; j < scores.size(); ++j)
      for (std::size_t c = begin; c < begin + d; ++c) out[c] += scores[j] / total * v[j][c];
  }
  return out;
}

std::int64_t keys_seen(const attnbench_problem& p, std::int64_t row) {
  if (p.causal == ATTNBENCH_NOT_CAUSAL) return p.n_k;
  const auto shift = p.causal == ATTNBENCH_BOTTOM_RIGHT ? p.n_k - p.n_q : 0;
  return std::clamp<std::int64_t>(row + shift + 1, 0, p.n_k);
}

}  // namespace

ProjectionWeights draw_weights(const attnbench_problem& p, std::uint64_t seed) {
  ProjectionWeights weights{p.heads_q * p.d_qk, {}};
  const double half_width = std::sqrt(3.0 / static_cast<double>(weights.width));  // uniform on (-a, a) has variance a^2 / 3
  std::uint64_t state = seed;
  for (auto& matrix : weights.matrices) {
    matrix.resize(static_cast<std::size_t>(weights.width * weights.width));
    for (auto& x : matrix)
      x = static_cast<float>(half_width * ((static_cast<double>(next_random(state) >> 40) + 0.5) / 0x1p23 - 1.0));
  }
  return weights;
}

void add_projection_cost(const attnbench_problem& p, attnbench_cost& cost) {
  const auto width = static_cast<double>(p.heads_q * p.d_qk), batch = static_cast<double>(p.batch);
  const double rows = 2 * batch * static_cast<double>(p.n_q + p.n_k);  // Q and O, K and V
  cost.multiply_adds += rows * width * width;
  cost.bytes += 4 * (2 * rows * width + 4 * width * width);
}

void multi_head_oracle(const ProjectionWeights& weights, const attnbench_task& task, const std::int64_t* rows, std::uint64_t count,
                       double* out) {
  const auto& p = *task.problem;
  const auto& [w_q, w_k, w_v, w_o] = weights.matrices;
  for (std::int64_t b = 0; b < p.batch; ++b) {
    const auto k = projected_rows(task, w_k, *task.k, b), v = projected_rows(task, w_v, *task.v, b);
    parallel(task, static_cast<std::int64_t>(count), [&, &query = w_q, &output = w_o](std::int64_t r) {
      const auto q = project(query, concatenated(*task.q, b, rows[r]));
      const auto o = project(output, attend(p, q, k, v, keys_seen(p, rows[r])));
      for (std::int64_t h = 0; h < p.heads_q; ++h)
        std::copy_n(o.data() + h * p.d_v, p.d_v, out + ((b * p.heads_q + h) * static_cast<std::int64_t>(count) + r) * p.d_v);
    });
  }
}

}  // namespace attnbench::external
