// If these fail, a step of a recurrence multiplies by another matrix than it was given, or reads beyond it.
#include "variants/kernels/dense/thin_product.h"

#include <algorithm>
#include <cmath>

#include "tests/catch.h"
#include "tests/kernels/kernels_test_support.h"
#include "variants/kernels/random_weights.h"

using namespace attnbench;
using namespace attnbench::kernels;

TEST_CASE("thin products are right for any number of rows, and a row does not depend on the others") {
  on_every_isa([](const std::string& isa) {
    for (const std::int64_t depth : {1, 3, 64})
      for (const std::int64_t columns : {1, 64, 100})
        for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 13}) {
          INFO(isa << ": " << rows << " x " << depth << " x " << columns);
          const auto matrix = random_weights(depth * columns, 1, 1, 0);
          const auto packed = pack_matrix(matrix, depth, columns);
          const auto width = packed.panel_count() * kPanelColumns;
          const GuardedArray<float> a(rows * depth), c(rows * width), alone(width);
          const auto drawn = random_weights(rows * depth, 1, 2, 0);
          std::copy(drawn.begin(), drawn.end(), a.data());
          std::fill_n(c.data(), rows * width, 1.0f);
          add_thin_product(a.data(), depth, rows, packed, {0, packed.panel_count()}, c.data(), width);
          for (std::int64_t r = 0; r < rows; ++r) {
            std::fill_n(alone.data(), width, 1.0f);
            add_thin_product(a.data() + r * depth, depth, 1, packed, {0, packed.panel_count()}, alone.data(), width);
            CHECK(std::equal(alone.data(), alone.data() + width, c.data() + r * width));
            for (std::int64_t n = 0; n < width; ++n) {
              double expected = 1;
              for (std::int64_t k = 0; k < depth && n < columns; ++k)
                expected += double{drawn[static_cast<std::size_t>(r * depth + k)]} *
                            double{matrix[static_cast<std::size_t>(k * columns + n)]};
              CHECK(std::abs(c.data()[r * width + n] - expected) <= 2e-5);
            }
          }
        }
  });
}

TEST_CASE("a packed matrix gives back its elements, zeros beyond them") {
  const auto matrix = random_weights(3 * 70, 1, 1, 0);
  const auto packed = pack_matrix(matrix, 3, 70);
  REQUIRE(packed.panel_count() == 2);
  for (std::int64_t k = 0; k < 3; ++k)
    for (std::int64_t c = 0; c < 128; ++c) CHECK(packed.at(k, c) == (c < 70 ? matrix[static_cast<std::size_t>(k * 70 + c)] : 0.0f));
}
