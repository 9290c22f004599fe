// The recurrence of linear attention on every instruction set: right around its chunks of positions and heads and at odd sizes and
// strides, inside its rows to the last byte, and deaf to keys behind a row.
#include "variants/kernels/linear/linear_recurrence.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>

#include "tests/catch.h"
#include "tests/kernels/linear_test_support.h"

namespace attnbench::kernels {
namespace {

// `past` positions with keys only, then `both`, then `after` with rows only; a row sees the keys up to its position.
struct Walk {
  std::int64_t d_qk, d_v, past, both, after = 0, heads = 1, gap = 0;
  std::mt19937 random{5};
  GuardedRows k{past + both, d_qk, gap, random}, v{past + both, d_v, gap, random};
  GuardedRows q{heads * (both + after), d_qk, gap, random}, out{heads * (both + after), d_v, gap, random};

  std::int64_t rows() const { return both + after; }
  std::int64_t seen(std::int64_t row) const { return std::min(past + row + 1, past + both); }

  // Walks `count` positions from `begin` on, kMaxPositions at once.
  void walk(const LinearState& state, std::int64_t begin, std::int64_t count, float* scratch) {
    for (auto at = begin; at < begin + count; at += kMaxPositions) {
      Positions positions{.count = std::min(kMaxPositions, begin + count - at)};
      if (at < past + both) {
        positions.k = {&k(at, 0), k.rows().stride};
        positions.v = {&v(at, 0), v.rows().stride};
      }
      if (at >= past) {
        positions.heads = heads;
        positions.q = {&q(at - past, 0), q.rows().stride, rows() * q.rows().stride};
        positions.out = {&out(at - past, 0), out.rows().stride, rows() * out.rows().stride};
      }
      recurrent_scan(state, positions, scratch);
    }
  }

  void run() {
    GuardedArray<float> sums(linear_state_floats(d_qk, d_v)), scratch(scan_scratch_floats(d_qk, heads));
    std::fill_n(sums.data(), sums.size(), 0.0f);
    std::fill_n(scratch.data(), scratch.size(), std::numeric_limits<float>::quiet_NaN());
    const LinearState state{d_qk, d_v, sums.data()};
    walk(state, 0, past, scratch.data());
    walk(state, past, both, scratch.data());
    walk(state, past + both, after, scratch.data());
  }

  double worst_error() const {
    WorstError worst;
    for (std::int64_t i = 0; i < heads * rows(); ++i) {
      const auto weight = [&](std::int64_t j) {
        double sum = 0;
        for (std::int64_t e = 0; e < d_qk; ++e) sum += phi(double{q(i, e)}) * phi(double{k(j, e)});
        return sum;
      };
      const auto value = [&](std::int64_t j, std::int64_t c) { return double{v(j, c)}; };
      worst.add(exact_row(seen(i % rows()), d_v, weight, value), [&](std::int64_t c) { return out(i, c); });
    }
    return worst.relative();
  }
};

TEST_CASE("the linear recurrence matches float64 around its chunks and vectors, inside guard pages") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t d : {1, 3, 8, 15, 16, 17, 33, 48, 63, 64, 65, 80, 129})
      for (const std::int64_t count : {1, 2, 3, 4, 5, 7, 15, 16, 17, 35}) {
        INFO(isa << ", d " << d << ", count " << count);
        Walk dense{.d_qk = d, .d_v = 130 - d, .past = 0, .both = count};
        dense.run();
        CHECK(dense.worst_error() < kTolerance);
        Walk strided{.d_qk = 130 - d, .d_v = d, .past = count, .both = count, .after = 3, .gap = 3};
        strided.run();
        CHECK(strided.worst_error() < kTolerance);
        CHECK(strided.out.gaps_untouched());
      }
  });
}

TEST_CASE("the linear recurrence shares (S, z) among any number of query heads") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t heads : {1, 2, 3, 4, 5, 6, 7, 8, 12})
      for (const std::int64_t count : {1, 4, 21}) {
        INFO(isa << ", heads " << heads << ", count " << count);
        Walk walk{.d_qk = 19, .d_v = 40, .past = 6, .both = count, .after = 5, .heads = heads};
        walk.run();
        CHECK(walk.worst_error() < kTolerance);
      }
  });
}

TEST_CASE("the linear recurrence: a key behind a row leaves no trace in it, one before it does") {
  on_every_isa([](const std::string& isa) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
      for (const std::int64_t key : {1, 3, 4, 15, 17})
        for (const std::int64_t heads : {1, 4}) {
          INFO(isa << ", " << bad << " in key " << key << ", heads " << heads);
          Walk clean{.d_qk = 20, .d_v = 37, .past = 0, .both = 22, .heads = heads};
          Walk walk{.d_qk = 20, .d_v = 37, .past = 0, .both = 22, .heads = heads};
          std::fill_n(&walk.v(key, 0), walk.d_v, bad);
          std::fill_n(&walk.k(key, 0), walk.d_qk, bad);
          clean.run();
          walk.run();
          for (std::int64_t i = 0; i < heads * 22; ++i) {
            const auto bytes = static_cast<std::size_t>(walk.d_v) * sizeof(float);
            if (i % 22 < key) CHECK(std::memcmp(&walk.out(i, 0), &clean.out(i, 0), bytes) == 0);
            else CHECK(std::none_of(&walk.out(i, 0), &walk.out(i, 0) + walk.d_v, [](float x) { return std::isfinite(x); }));
          }
        }
  });
}

TEST_CASE("the linear recurrence: a row without any keys is 0") {
  on_every_isa([](const std::string& isa) {
    INFO(isa);
    Walk walk{.d_qk = 9, .d_v = 21, .past = 0, .both = 0, .after = 6};
    walk.run();
    for (std::int64_t i = 0; i < 6; ++i)
      for (std::int64_t c = 0; c < walk.d_v; ++c) CHECK(walk.out(i, c) == 0.0f);
  });
}

}  // namespace
}  // namespace attnbench::kernels
