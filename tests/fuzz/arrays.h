// What must hold for every array that a reader of .npy, .npz or .safetensors accepts.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "datasets/named_arrays.h"
#include "tests/fuzz/fuzz.h"

namespace attnbench::fuzz {

/// The input as a file of its own size: one byte read beyond is seen by the sanitizer.
inline Bytes as_file(const std::uint8_t* data, std::size_t size) {
  const auto copy = std::make_shared<std::vector<std::byte>>(size);
  std::copy_n(reinterpret_cast<const std::byte*>(data), size, copy->begin());
  return {*copy, copy};
}

inline void check(const Array& array) {
  require(byte_size(array.shape, array.type) == array.bytes.data.size(), "an array holds what its shape says");
  const auto tensor = accepted([&] { return to_tensor(array, "the array"); });
  if (array.shape.size() <= 4) {  // as a mask of scores that it fits
    Shape scores{1, 1, 1, 1};
    std::copy(array.shape.begin(), array.shape.end(), scores.end() - static_cast<std::ptrdiff_t>(array.shape.size()));
    if (array.count() > 0) accepted([&] { return to_mask(array, scores, "the array"); });
  }
  if (!tensor) return;
  const auto* values = tensor->template data<float>();
  for (std::int64_t i = 0; i < array.count(); ++i)
    require(std::isfinite(values[i]) && values[i] == static_cast<float>(array.at(i)), "a tensor has the array's values");
}

/// Names are unique and every array is one of them.
inline void check(const Container& container) {
  auto names = container.names;
  std::sort(names.begin(), names.end());
  require(std::adjacent_find(names.begin(), names.end()) == names.end(), "names are unique");
  for (const auto& [name, stored] : container.arrays) {
    require(std::binary_search(names.begin(), names.end(), name), "an array is listed by its name");
    const auto array = accepted([&, &load = stored.load] { return load(); });
    if (!array) continue;
    require(array->shape == stored.shape && array->type == stored.type, "an array is what its header promised");
    check(*array);
  }
}

}  // namespace attnbench::fuzz
