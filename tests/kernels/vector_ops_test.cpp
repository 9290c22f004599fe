// If these fail, the rows that additive, linear and scaled_dot_product build on are wrong, or read beyond their ends.
#include "variants/kernels/simd/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/kernels_test_support.h"

using namespace attnbench;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

void fill_normal(const GuardedArray<float>& array, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  for (std::int64_t i = 0; i < array.size(); ++i) array[i] = normal(random);
}

}  // namespace

TEST_CASE("dot, axpy and scale agree with float64 at every tail and stay inside their rows") {
  on_every_isa([](const std::string& isa) {
    for (std::int64_t n = 0; n <= 70; ++n) {
      CAPTURE(isa, n);
      const GuardedArray<float> a(n), b(n), y(n), before(n);
      fill_normal(a, 1), fill_normal(b, 2), fill_normal(y, 3), fill_normal(before, 3);
      double sum = 0, size = 0;
      for (std::int64_t i = 0; i < n; ++i) sum += double{a[i]} * b[i], size += std::abs(double{a[i]} * b[i]);
      CHECK(std::abs(kernels::dot(a.data(), b.data(), n) - sum) <= 1e-6 * size);
      kernels::axpy(0.3f, a.data(), y.data(), n);
      kernels::scale(-2.0f, a.data(), n);
      for (std::int64_t i = 0; i < n; ++i) {
        CHECK(std::abs(y[i] - (double{before[i]} - 0.15 * a[i])) <= 1e-6);
      }
    }
  });
}

TEST_CASE("softmax of a row at every tail, with masked entries, large scores, and nothing visible") {
  on_every_isa([](const std::string& isa) {
    for (std::int64_t n = 1; n <= 70; ++n) {
      CAPTURE(isa, n);
      const GuardedArray<float> row(n);
      fill_normal(row, 4);
      for (std::int64_t i = 0; i < n; ++i) row[i] = i % 5 == 1 ? -kInfinity : row[i] * 1e3f;
      std::vector<double> expected(static_cast<std::size_t>(n));
      double total = 0;
      const double top = *std::max_element(row.data(), row.data() + n);
      for (std::int64_t i = 0; i < n; ++i) total += expected[static_cast<std::size_t>(i)] = std::exp(row[i] - top);
      kernels::softmax_in_place(row.data(), n);
      for (std::int64_t i = 0; i < n; ++i) {
        CHECK(std::abs(row[i] - expected[static_cast<std::size_t>(i)] / total) <= 5e-7);
        if (i % 5 == 1) CHECK(row[i] == 0.0f);
      }
      std::fill_n(row.data(), n, -kInfinity);
      kernels::softmax_in_place(row.data(), n);
      CHECK(std::count(row.data(), row.data() + n, 0.0f) == n);
    }
  });
}

TEST_CASE("a NaN in a row is not hidden by its softmax, exp or tanh") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t place : {0, 15, 16, 18}) {
      CAPTURE(isa, place);
      const GuardedArray<float> row(19), out(19);
      fill_normal(row, 5);
      row[place] = std::nanf("");
      kernels::exp(row.data(), out.data(), 19);
      CHECK(std::isnan(out[place]));
      kernels::tanh(row.data(), out.data(), 19);
      CHECK(std::isnan(out[place]));
      kernels::softmax_in_place(row.data(), 19);
      CHECK(std::isnan(row[place]));
    }
  });
}

TEST_CASE("additive scores agree with float64 at every dim") {
  on_every_isa([](const std::string& isa) {
    for (std::int64_t dim = 1; dim <= 70; ++dim) {
      CAPTURE(isa, dim);
      const std::int64_t n_keys = 3, stride = dim + 5;
      const GuardedArray<float> q(dim), v(dim), keys((n_keys - 1) * stride + dim), scores(n_keys);
      fill_normal(q, 6), fill_normal(v, 7), fill_normal(keys, 8);
      kernels::additive_scores(q.data(), keys.data(), stride, v.data(), dim, n_keys, scores.data());
      for (std::int64_t j = 0; j < n_keys; ++j) {
        double expected = 0;
        for (std::int64_t c = 0; c < dim; ++c) expected += v[c] * std::tanh(double{q[c]} + keys[j * stride + c]);
        CHECK(std::abs(scores[j] - expected) <= 2e-6 * std::sqrt(double(dim)));
      }
    }
  });
}
