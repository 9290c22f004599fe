// Panels of linear attention on every instruction set: right at odd sizes and strides, inside their rows to the last byte.
#include "variants/kernels/linear/linear_attention.h"

#include <algorithm>
#include <limits>
#include <random>

#include "tests/catch.h"
#include "tests/kernels/linear_test_support.h"

namespace attnbench::kernels {
namespace {

// Rows that see all keys.
struct Scene {
  std::int64_t d_qk, d_v, keys, rows, gap = 0;
  std::mt19937 random{5};
  GuardedRows k{keys, d_qk, gap, random}, v{keys, d_v, gap, random};
  GuardedRows q{rows, d_qk, gap, random}, out{rows, d_v, gap, random};

  void run() {
    GuardedArray<float> sums(linear_state_floats(d_qk, d_v));
    GuardedArray<float> key_scratch(key_scratch_floats(d_qk, d_v, kMaxLinearPanel));
    GuardedArray<float> row_scratch(row_scratch_floats(d_qk, rows));
    std::fill_n(sums.data(), sums.size(), 0.0f);
    for (auto* scratch : {&key_scratch, &row_scratch})
      std::fill_n(scratch->data(), scratch->size(), std::numeric_limits<float>::quiet_NaN());
    const LinearState state{d_qk, d_v, sums.data()};
    const auto from = [](const GuardedRows& x, std::int64_t j) { return Rows<const float>{&x(j, 0), x.rows().stride}; };
    for (std::int64_t j = 0; j < keys; j += kMaxLinearPanel)
      add_keys(state, from(k, j), from(v, j), std::min(kMaxLinearPanel, keys - j), key_scratch.data());
    attend(state, q.rows(), out.rows_out(), rows, row_scratch.data());
  }

  double worst_error() const {
    WorstError worst;
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto weight = [&](std::int64_t j) {
        double sum = 0;
        for (std::int64_t e = 0; e < d_qk; ++e) sum += phi(double{q(i, e)}) * phi(double{k(j, e)});
        return sum;
      };
      const auto value = [&](std::int64_t j, std::int64_t c) { return double{v(j, c)}; };
      worst.add(exact_row(keys, d_v, weight, value), [&](std::int64_t c) { return out(i, c); });
    }
    return worst.relative();
  }
};

TEST_CASE("linear panels match float64 around every tile edge, inside guard pages") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t d : {1, 3, 8, 15, 16, 17, 33, 65, 80, 131})
      for (const std::int64_t count : {1, 2, 5, 7, 16, 17, 64}) {
        INFO(isa << ", d " << d << ", count " << count);
        Scene dense{.d_qk = d, .d_v = 129 - d > 0 ? 129 - d : d, .keys = count + 60, .rows = count};
        dense.run();
        CHECK(dense.worst_error() < kTolerance);
        Scene strided{.d_qk = 132 - d, .d_v = d, .keys = count, .rows = count, .gap = 3};
        strided.run();
        CHECK(strided.worst_error() < kTolerance);
        CHECK(strided.out.gaps_untouched());
      }
  });
}

TEST_CASE("linear panels: a row without any keys is 0") {
  on_every_isa([](const std::string& isa) {
    INFO(isa);
    Scene scene{.d_qk = 9, .d_v = 21, .keys = 0, .rows = 19};
    scene.run();
    for (std::int64_t i = 0; i < scene.rows; ++i)
      for (std::int64_t c = 0; c < scene.d_v; ++c) CHECK(scene.out(i, c) == 0.0f);
  });
}

TEST_CASE("the feature map is elu + 1 from the far left to the far right") {
  on_every_isa([](const std::string& isa) {
    for (const float x : {-1e30f, -200.0f, -80.0f, -1.0f, -1e-6f, 0.0f, 1e-6f, 1.0f, 100.0f, 1e30f}) {
      INFO(isa << ", x " << x);
      // One key of weight phi(x), value 1, against one of weight 1, value 0.
      Scene scene{.d_qk = 1, .d_v = 1, .keys = 2, .rows = 1};
      scene.q(0, 0) = 0;
      scene.k(0, 0) = x;
      scene.k(1, 0) = 0;
      scene.v(0, 0) = 1;
      scene.v(1, 0) = 0;
      scene.run();
      CHECK(double{scene.out(0, 0)} == Approx(phi(double{x}) / (phi(double{x}) + 1)).epsilon(1e-6).margin(1e-36));
    }
  });
}

}  // namespace
}  // namespace attnbench::kernels
