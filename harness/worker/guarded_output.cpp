#include "harness/worker/guarded_output.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace attnbench {
namespace {

constexpr std::uint32_t kPoisonBits = 0x7FC5A5A5;  // a quiet NaN that no computation produces
constexpr std::int64_t kGuard = 16;                // floats: one 64-byte line, the longest vector tail
constexpr std::int64_t kPadding = 17;              // one more, so that padded rows start at every alignment

}  // namespace

bool GuardedOutput::is_poison(float value) { return std::bit_cast<std::uint32_t>(value) == kPoisonBits; }
float GuardedOutput::poison() { return std::bit_cast<float>(kPoisonBits); }

GuardedOutput::GuardedOutput(const Shape& shape, Rows rows)
    : shape_(shape),
      row_stride_(shape[3] + (rows == Rows::padded ? kPadding : 0)),
      memory_({1, 1, 1, shape[0] * shape[1] * shape[2] * row_stride_ + 2 * kGuard}) {
  std::fill_n(memory_.data(), element_count(memory_.shape()), poison());
}

TensorRef GuardedOutput::ref() const {
  return {
      memory_.data() + kGuard, DType::f32, shape_, {shape_[1] * shape_[2] * row_stride_, shape_[2] * row_stride_, row_stride_, 1}};
}

std::string GuardedOutput::overrun() const {
  const float* memory = memory_.data();
  const auto touched = [](float value) { return !is_poison(value); };
  const float* end = memory + element_count(memory_.shape());
  if (std::any_of(memory, memory + kGuard, touched)) return "wrote before the start of the output";
  const auto out = view();
  for (std::int64_t row = 0; row < shape_[0] * shape_[1] * shape_[2]; ++row) {
    const float* padding = out.data + row * row_stride_ + shape_[3];
    if (std::any_of(padding, padding + row_stride_ - shape_[3], touched))
      return fmt::format("wrote past the end of row b{} h{} i{} of the output", row / (shape_[1] * shape_[2]),
                         row / shape_[2] % shape_[1], row % shape_[2]);
  }
  if (std::any_of(end - kGuard, end, touched)) return "wrote past the end of the output";
  return {};
}

std::vector<float> GuardedOutput::gather(std::span<const std::int64_t> rows) const {
  std::vector<float> values;
  values.reserve(static_cast<std::size_t>(shape_[0] * shape_[1] * shape_[3]) * rows.size());
  const auto out = view();
  for (std::int64_t b = 0; b < shape_[0]; ++b)
    for (std::int64_t h = 0; h < shape_[1]; ++h)
      for (const auto i : rows) values.insert(values.end(), out.row(b, h, i), out.row(b, h, i) + shape_[3]);
  return values;
}

}  // namespace attnbench
