// weighted_values: a weight of exactly 0 hides a non-finite value, and hiding it changes no bit of anything else.
#include "variants/kernels/softmax/weighted_values.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/catch.h"

namespace attnbench::kernels {
namespace {

struct Product {
  std::int64_t rows, keys, d_v;
  std::vector<float> weights, values;

  Product(std::int64_t rows_, std::int64_t keys_, std::int64_t d_v_) : rows(rows_), keys(keys_), d_v(d_v_) {
    std::mt19937 random(3);
    std::uniform_real_distribution<float> uniform(0.1f, 1.0f);
    weights.resize(static_cast<std::size_t>(rows * keys));
    values.resize(static_cast<std::size_t>(keys * d_v));
    for (auto& w : weights) w = uniform(random);
    for (auto& v : values) v = uniform(random);
  }

  float& weight(std::int64_t i, std::int64_t j) { return weights[static_cast<std::size_t>(i * keys + j)]; }
  float& value(std::int64_t j, std::int64_t c) { return values[static_cast<std::size_t>(j * d_v + c)]; }

  std::vector<float> run(KeyRange seen_by_all = {}) const {
    std::vector<float> out(static_cast<std::size_t>(rows * d_v), std::numeric_limits<float>::quiet_NaN());
    std::vector<float> panel(static_cast<std::size_t>(value_panel_size(keys, d_v)));
    weighted_values({.weights = weights.data(),
                     .weight_stride = keys,
                     .rows = rows,
                     .values = values.data(),
                     .value_stride = d_v,
                     .keys = keys,
                     .d_v = d_v,
                     .out = out.data(),
                     .out_stride = d_v,
                     .seen_by_all = seen_by_all,
                     .panel = panel.data()});
    return out;
  }
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_CASE("weighted_values is the matrix product, across its chunks") {
  for (const std::int64_t keys : {1, 7, 511, 512, 513, 1100}) {
    const Product product(5, keys, 9);
    const auto out = product.run();
    for (std::int64_t i = 0; i < 5; ++i)
      for (std::int64_t c = 0; c < 9; ++c) {
        double expected = 0;
        for (std::int64_t j = 0; j < keys; ++j)
          expected +=
              double{product.weights[static_cast<std::size_t>(i * keys + j)]} * product.values[static_cast<std::size_t>(j * 9 + c)];
        CHECK(out[static_cast<std::size_t>(i * 9 + c)] == Approx(expected).epsilon(2e-6));
      }
  }
}

TEST_CASE("weighted_values of no keys is zero, not what was there") {
  for (const float x : Product(3, 0, 4).run()) CHECK(x == 0.0f);
}

TEST_CASE("weighted_values: a value nobody weighs may be NaN or Inf without a trace") {
  for (const std::int64_t key : {0, 3, 600}) {
    Product product(6, 700, 5);
    for (std::int64_t i = 0; i < 6; ++i) product.weight(i, key) = 0;
    const auto clean = product.run();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      product.value(key, 2) = bad;
      CHECK(same_bits(product.run(), clean));
    }
  }
}

TEST_CASE("weighted_values: a non-finite value reaches exactly the rows that weigh it") {
  Product product(4, 20, 3);
  product.weight(0, 8) = product.weight(2, 8) = 0;
  const auto clean = product.run();
  product.value(8, 1) = std::numeric_limits<float>::infinity();
  const auto out = product.run();
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t c = 0; c < 3; ++c) {
      const bool sees = i % 2 == 1;
      if (sees && c == 1) CHECK(std::isinf(out[i * 3 + c]));
      else if (sees) CHECK(out[i * 3 + c] == Approx(clean[i * 3 + c]).epsilon(1e-6));
      else CHECK(out[i * 3 + c] == clean[i * 3 + c]);
    }
}

TEST_CASE("weighted_values does not scan keys that every row sees") {
  Product product(4, 20, 3);
  product.weight(0, 8) = 0;
  product.value(8, 1) = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(std::isnan(product.run()[1]));
  CHECK(std::isnan(product.run({0, 20})[1]));  // the caller's promise was false: plain product
}

}  // namespace
}  // namespace attnbench::kernels
