// Random inputs of a problem in memory that faults one byte beyond each tensor, and how far a result is from the float64 oracle.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

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

  float* value_row(std::int64_t j) const { return v.data() + j * problem.d_v; }
  float* key_row(std::int64_t j) const { return k.data() + j * problem.d_qk; }
};

}  // namespace attnbench
