// Panels of linear attention on every instruction set: right at odd sizes and strides, inside its rows to the last byte, and deaf
// to keys that a row does not see.
#include "variants/kernels/linear_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "tests/catch.h"
#include "tests/kernels/kernels_test_support.h"

namespace attnbench::kernels {
namespace {

constexpr double kTolerance = 2e-6;  // relative to the largest value in sight

// Rows `gap` elements apart beyond their length, the last of them ending at an unreadable page; the gaps are NaN.
class GuardedRows {
 public:
  GuardedRows(std::int64_t count, std::int64_t dim, std::int64_t gap, std::mt19937& random)
      : dim_(dim), stride_(dim + gap), memory_(std::max<std::int64_t>(0, count * stride_ - gap)) {
    std::normal_distribution<float> normal;
    for (std::int64_t i = 0; i < memory_.size(); ++i)
      memory_[i] = i % stride_ < dim ? normal(random) : std::numeric_limits<float>::quiet_NaN();
  }
  float& operator()(std::int64_t i, std::int64_t c) const { return memory_[i * stride_ + c]; }
  Rows<const float> rows() const { return {memory_.data(), stride_}; }
  Rows<float> rows_out() const { return {memory_.data(), stride_}; }
  bool gaps_untouched() const {
    for (std::int64_t i = 0; i < memory_.size(); ++i)
      if (i % stride_ >= dim_ && !std::isnan(memory_[i])) return false;
    return true;
  }

 private:
  std::int64_t dim_, stride_;
  GuardedArray<float> memory_;
};

double phi(double x) { return x > 0 ? x + 1 : std::exp(x); }

// `past` keys in (S, z), a panel of `own` keys, and rows of which the first sees `first_seen` of the panel.
struct Scene {
  std::int64_t d_qk, d_v, past, own, rows, first_seen, gap = 0;
  std::mt19937 random{5};
  GuardedRows k{past + own, d_qk, gap, random}, v{past + own, d_v, gap, random};
  GuardedRows q{rows, d_qk, gap, random}, out{rows, d_v, gap, random};

  std::int64_t seen(std::int64_t row) const { return past + std::clamp<std::int64_t>(first_seen + row, 0, own); }

  void run() {
    GuardedArray<float> sums(linear_state_floats(d_qk, d_v));
    GuardedArray<float> key_scratch(key_scratch_floats(d_qk, d_v, std::max(own, kMaxLinearPanel)));
    GuardedArray<float> row_scratch(row_scratch_floats(d_qk, std::max(own, rows)));
    std::fill_n(sums.data(), sums.size(), 0.0f);
    for (auto* scratch : {&key_scratch, &row_scratch})
      std::fill_n(scratch->data(), scratch->size(), std::numeric_limits<float>::quiet_NaN());
    const LinearState state{d_qk, d_v, sums.data()};
    const auto load = [&](std::int64_t begin, std::int64_t count) {
      return load_keys(state, {k.rows().data + begin * k.rows().stride, k.rows().stride},
                       {v.rows().data + begin * v.rows().stride, v.rows().stride}, count, key_scratch.data());
    };
    for (std::int64_t j = 0; j < past; j += kMaxLinearPanel) add_keys(state, load(j, std::min(kMaxLinearPanel, past - j)));
    const auto panel = own > 0 ? load(past, own) : KeyPanel{};
    attend(state, panel, first_seen, q.rows(), out.rows_out(), rows, row_scratch.data());
  }

  // Row i in float64, as a quotient of sums over the keys that it sees.
  std::vector<double> expected(std::int64_t i) const {
    std::vector<double> row(static_cast<std::size_t>(d_v), 0.0);
    double total = 0;
    for (std::int64_t j = 0; j < seen(i); ++j) {
      double weight = 0;
      for (std::int64_t e = 0; e < d_qk; ++e) weight += phi(double{q(i, e)}) * phi(double{k(j, e)});
      total += weight;
      for (std::int64_t c = 0; c < d_v; ++c) row[static_cast<std::size_t>(c)] += weight * double{v(j, c)};
    }
    for (auto& x : row) x = total == 0 ? 0 : x / total;
    return row;
  }

  double worst_error() const {
    double worst = 0, largest = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto exact = expected(i);
      for (std::int64_t c = 0; c < d_v; ++c) {
        const double error = std::abs(double{out(i, c)} - exact[static_cast<std::size_t>(c)]);
        if (!(error <= worst) && !std::isnan(worst)) worst = error;  // NaN is the worst of all
        largest = std::max(largest, std::abs(exact[static_cast<std::size_t>(c)]));
      }
    }
    return largest == 0 ? worst : worst / largest;
  }
};

TEST_CASE("linear panels match float64 around every tile edge, inside guard pages") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t d : {1, 3, 8, 15, 16, 17, 33, 65, 80, 131})
      for (const std::int64_t count : {1, 2, 5, 7, 16, 17, 64}) {
        INFO(isa << ", d " << d << ", count " << count);
        Scene no_diagonal{
            .d_qk = d, .d_v = 129 - d > 0 ? 129 - d : d, .past = count + 60, .own = 0, .rows = count, .first_seen = 0};
        no_diagonal.run();
        CHECK(no_diagonal.worst_error() < kTolerance);
        Scene diagonal{.d_qk = 132 - d, .d_v = d, .past = 20, .own = count, .rows = count, .first_seen = 1, .gap = 3};
        diagonal.run();
        CHECK(diagonal.worst_error() < kTolerance);
        CHECK(diagonal.out.gaps_untouched());
      }
  });
}

TEST_CASE("linear panels follow a diagonal wherever it enters them; a row that sees nothing is 0") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t first_seen : {-20, -9, -1, 0, 1, 4, 13, 14, 40})
      for (const std::int64_t past : {0, 3}) {
        INFO(isa << ", first_seen " << first_seen << ", past " << past);
        Scene scene{.d_qk = 9, .d_v = 21, .past = past, .own = 14, .rows = 19, .first_seen = first_seen};
        scene.run();
        CHECK(scene.worst_error() < kTolerance);
        for (std::int64_t i = 0; i < scene.rows && scene.seen(i) == 0; ++i)
          for (std::int64_t c = 0; c < scene.d_v; ++c) CHECK(scene.out(i, c) == 0.0f);
      }
  });
}

TEST_CASE("linear panels: a key that a row does not see leaves no trace, one that it sees does") {
  on_every_isa([](const std::string& isa) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
      for (const std::int64_t key : {1, 6, 15}) {
        INFO(isa << ", " << bad << " in key " << key);
        Scene clean{.d_qk = 20, .d_v = 37, .past = 0, .own = 16, .rows = 16, .first_seen = 1};
        Scene scene{.d_qk = 20, .d_v = 37, .past = 0, .own = 16, .rows = 16, .first_seen = 1};
        for (std::int64_t c = 0; c < scene.d_v; ++c) scene.v(key, c) = bad;
        for (std::int64_t c = 0; c < scene.d_qk; ++c) scene.k(key, c) = bad;
        clean.run();
        scene.run();
        for (std::int64_t i = 0; i < 16; ++i)
          for (std::int64_t c = 0; c < 37; ++c) {
            if (i < key) CHECK(std::memcmp(&scene.out(i, c), &clean.out(i, c), sizeof(float)) == 0);
            else CHECK_FALSE(std::isfinite(scene.out(i, c)));
          }
      }
  });
}

TEST_CASE("the feature map is elu + 1 from the far left to the far right") {
  on_every_isa([](const std::string& isa) {
    for (const float x : {-1e30f, -200.0f, -80.0f, -1.0f, -1e-6f, 0.0f, 1e-6f, 1.0f, 100.0f, 1e30f}) {
      INFO(isa << ", x " << x);
      // One key of weight phi(x), value 1, against one of weight 1, value 0.
      Scene scene{.d_qk = 1, .d_v = 1, .past = 2, .own = 0, .rows = 1, .first_seen = 0};
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
