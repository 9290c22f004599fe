// Random inputs of a problem in memory that faults one byte beyond each tensor; how far a result is from the float64 oracle; and
// what every kernel must bear: a poisoned key that a row does not see, and any strides.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/api/oracle.h"

namespace attnbench {

// Inputs and output that each end at an unreadable page.
struct GuardedInputs {
  Problem problem;
  GuardedArray<float> q, k, v, out;
  GuardedArray<std::uint8_t> allowed;
  GuardedArray<float> bias;

  explicit GuardedInputs(const std::string& text, unsigned seed = 1)
      : problem(parse_problem(text)),
        q(problem.batch * problem.heads_q * problem.n_q * problem.d_qk),
        k(problem.batch * problem.heads_kv * problem.n_k * problem.d_qk),
        v(problem.batch * problem.heads_kv * problem.n_k * problem.d_v),
        out(problem.batch * problem.heads_q * problem.n_q * problem.d_v),
        allowed(problem.mask.kind == MaskKind::boolean ? problem.n_q * problem.n_k : 1),
        bias(problem.mask.kind == MaskKind::additive ? problem.n_q * problem.n_k : 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    for (const auto* array : {&q, &k, &v, &bias})
      for (std::int64_t i = 0; i < array->size(); ++i) (*array)[i] = normal(random);
    for (std::int64_t i = 0; i < allowed.size(); ++i) allowed[i] = random() % 3 != 0;
  }

  static TensorRef dense(void* data, const Shape& shape, DType dtype = DType::f32) {
    return {data, dtype, shape, dense_strides(shape)};
  }
  Inputs inputs() const {
    const auto& p = problem;
    const Shape mask_shape{1, 1, p.n_q, p.n_k};
    TensorRef mask;
    if (p.mask.kind == MaskKind::boolean) mask = broadcast(dense(allowed.data(), mask_shape, DType::u8), p.batch, p.heads_q);
    if (p.mask.kind == MaskKind::additive) mask = broadcast(dense(bias.data(), mask_shape), p.batch, p.heads_q);
    return {dense(q.data(), {p.batch, p.heads_q, p.n_q, p.d_qk}), dense(k.data(), {p.batch, p.heads_kv, p.n_k, p.d_qk}),
            dense(v.data(), {p.batch, p.heads_kv, p.n_k, p.d_v}), mask};
  }

  /// Relative RMS difference of `result`, laid out as out is, from the float64 oracle.
  double error_of(const std::vector<float>& result) const {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(problem.n_q));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i);
    std::vector<double> truth(result.size());
    dense_oracle({problem, Params(), inputs(), Prepared(), rows, truth.data(), Parallel()});
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      difference += (result[i] - truth[i]) * (result[i] - truth[i]);
      size += truth[i] * truth[i];
    }
    return std::sqrt(difference / size);
  }

  /// Makes all scores whole numbers in [size - 6, size], or from -size on, that float32 holds exactly: products of the first
  /// channel, which all keys share, give the size, the second one the differences. Mask values become whole numbers as well.
  void make_scores_large(float size, float sign) const {
    const auto root = std::round(std::sqrt(size));
    std::fill_n(q.data(), q.size(), 0.0f);
    std::fill_n(k.data(), k.size(), 0.0f);
    for (std::int64_t i = 0; i < q.size(); i += problem.d_qk) q[i] = sign * root, q[i + 1] = 1;
    for (std::int64_t j = 0; j < k.size(); j += problem.d_qk) k[j] = root, k[j + 1] = static_cast<float>(j / problem.d_qk * 5 % 7);
    for (std::int64_t t = 0; t < bias.size(); ++t) bias[t] = std::round(bias[t]);
  }

  float* value_row(std::int64_t j) const { return v.data() + j * problem.d_v; }
  float* key_row(std::int64_t j) const { return k.data() + j * problem.d_qk; }

  /// A dense mask, if there is one, masks key j for even rows and shows it to odd ones.
  void show_to_odd_rows(std::int64_t j) const {
    for (std::int64_t i = 0; i < problem.n_q; ++i) {
      if (problem.mask.kind == MaskKind::boolean) allowed[i * problem.n_k + j] = i % 2;
      if (problem.mask.kind == MaskKind::additive)
        bias[i * problem.n_k + j] = i % 2 ? 0.0f : -std::numeric_limits<float>::infinity();
    }
  }
  bool sees(std::int64_t i, std::int64_t j) const {
    return problem_attends(problem, inputs(), 0, 0, i, j) &&
           (problem.mask.kind != MaskKind::additive || std::isfinite(bias[i * problem.n_k + j]));
  }
};

/// Poisons key j and its value, checks that no row which must not see it changes a bit, and returns how many rows these are.
template <class Guarded>
int rows_spared(const Guarded& guarded, std::int64_t j, float poison) {
  const auto& p = guarded.problem;
  guarded.show_to_odd_rows(j);
  const auto clean = guarded.run();
  std::fill_n(guarded.key_row(j), p.d_qk, poison);
  std::fill_n(guarded.value_row(j), p.d_v, poison);
  const auto dirty = guarded.run();
  int spared = 0;
  for (std::int64_t i = 0; i < p.n_q; ++i) {
    if (guarded.sees(i, j)) continue;
    const auto row = static_cast<std::size_t>(i * p.d_v);
    CAPTURE(i);
    CHECK(std::memcmp(&clean[row], &dirty[row], static_cast<std::size_t>(p.d_v) * sizeof(float)) == 0);
    ++spared;
  }
  return spared;
}

/// The same inputs with keys and values laid out as most frameworks have them: [batch, n, head, d].
class FrameworkLayout {
 public:
  explicit FrameworkLayout(const GuardedInputs& from) : inputs(from.inputs()), k_(from.k.size()), v_(from.v.size()) {
    inputs.k = copied(inputs.k, k_.data());
    inputs.v = copied(inputs.v, v_.data());
  }
  Inputs inputs;

 private:
  static TensorRef copied(const TensorRef& from, float* to) {
    const auto [batch, heads, n, d] = from.shape;
    const TensorRef copy{to, DType::f32, from.shape, {n * heads * d, d, heads * d, 1}};
    for (std::int64_t b = 0; b < batch; ++b)
      for (std::int64_t h = 0; h < heads; ++h)
        for (std::int64_t j = 0; j < n; ++j) std::copy_n(from.as<float>().row(b, h, j), d, copy.as<float>().row(b, h, j));
    return copy;
  }

  GuardedArray<float> k_, v_;
};

}  // namespace attnbench
