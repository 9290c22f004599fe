// If these fail, rows are read from the wrong place: strides, broadcasts and alignment underlie every variant.
#include "variants/api/tensor.h"

#include <algorithm>

#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("tensors are zeroed, aligned and dense") {
  const Tensor tensor({2, 3, 5, 7});
  CHECK(reinterpret_cast<std::uintptr_t>(tensor.data()) % kAlignment == 0);
  CHECK(tensor.bytes() == 2 * 3 * 5 * 7 * 4);
  CHECK(std::all_of(tensor.data(), tensor.data() + 210, [](float x) { return x == 0; }));
  CHECK(tensor.ref().stride == Shape{105, 35, 7, 1});
  CHECK_FALSE(tensor.empty());
  CHECK(Tensor().empty());
  CHECK(Tensor({1, 1, 2, 3}, DType::u8).bytes() == 6);
}

TEST_CASE("row() finds every element of dense and strided views") {
  const Tensor tensor({2, 3, 4, 5});
  for (int t = 0; t < 120; ++t) tensor.data()[t] = static_cast<float>(t);
  const auto dense = tensor.view();
  const TensorView<float> swapped{tensor.data(), {3, 2, 4, 5}, {20, 60, 5, 1}};  // batch and heads exchanged
  for (std::int64_t b = 0; b < 2; ++b)
    for (std::int64_t h = 0; h < 3; ++h)
      for (std::int64_t i = 0; i < 4; ++i) {
        CHECK(dense.row(b, h, i)[4] == static_cast<float>(((b * 3 + h) * 4 + i) * 5 + 4));
        CHECK(swapped.row(h, b, i) == dense.row(b, h, i));
      }
  CHECK(dense.batch() == 2);
  CHECK(dense.heads() == 3);
  CHECK(dense.rows() == 4);
  CHECK(dense.dim() == 5);
  CHECK(dense.row_stride() == 5);
}

TEST_CASE("broadcast repeats what is stored once and nothing else") {
  const Tensor once({1, 1, 2, 3}, DType::u8), per_head({1, 4, 2, 3}, DType::u8), full({2, 4, 2, 3}, DType::u8);
  const auto all = broadcast(once.ref(), 2, 4).as<const std::uint8_t>();
  CHECK(all.row(1, 3, 1) == once.data<std::uint8_t>() + 3);
  CHECK(all.shape == Shape{2, 4, 2, 3});
  const auto heads = broadcast(per_head.ref(), 2, 4).as<const std::uint8_t>();
  CHECK(heads.row(1, 3, 0) == heads.row(0, 3, 0));
  CHECK(heads.row(0, 3, 0) == per_head.data<std::uint8_t>() + 18);
  CHECK(broadcast(full.ref(), 2, 4).stride == full.ref().stride);
}
