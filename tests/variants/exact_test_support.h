// For the variants that change scores: their weights on inputs chosen by hand.
#pragma once

#include <initializer_list>

#include "tests/catch.h"
#include "tests/variants/call.h"

namespace attnbench::testing {

/// Feeds V = I (d_v = n_k) and gives the weights [b, h_q, n_q, n_k].
inline Tensor weights_of(Call& call, NamedTensors& arrays) {
  const auto& p = call.problem;
  REQUIRE(p.d_v == p.n_k);
  std::fill_n(arrays.v.data(), element_count(arrays.v.shape()), 0.0f);
  for (std::int64_t t = 0; t < p.batch * p.heads_kv * p.n_k; ++t) arrays.v.data()[t * p.d_v + t % p.n_k] = 1.0f;
  return call.run(arrays);
}

/// Inputs whose plain scores are all 0.
inline NamedTensors zero_queries(const Problem& p) {
  auto arrays = random_arrays(p);
  std::fill_n(arrays.q.data(), element_count(arrays.q.shape()), 0.0f);
  return arrays;
}

inline Tensor tensor_of(const Shape& shape, const std::vector<float>& values) {
  Tensor t(shape);
  REQUIRE(element_count(shape) == static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), t.data());
  return t;
}

inline void check_row(const float* got, std::initializer_list<double> want, double margin = 1e-6) {
  for (const double x : want) CHECK(double{*got++} == Approx(x).margin(margin).epsilon(0));
}

/// Relative RMS distance of two outputs.
inline double distance(const Tensor& x, const Tensor& y) {
  return relative_rms(x, std::vector<double>(y.data(), y.data() + element_count(y.shape())));
}

}  // namespace attnbench::testing
