#include "harness/worker/input_sets.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "harness/worker/guarded_output.h"

namespace attnbench {
namespace {

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// What is stored of a tensor; axes that are broadcast (stride 0) are stored once.
std::size_t stored_bytes(const TensorRef& ref) {
  if (!ref.data) return 0;
  auto shape = ref.shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    if (ref.stride[axis] == 0) shape[axis] = 1;
  return static_cast<std::size_t>(element_count(shape)) * element_size(ref.dtype);
}

std::array<TensorRef*, 4> parts(Inputs& inputs) { return {&inputs.q, &inputs.k, &inputs.v, &inputs.mask}; }

Tensor bytes_of(std::size_t count) { return Tensor({1, 1, 1, static_cast<std::int64_t>(count)}, DType::u8); }

}  // namespace

InputSets::InputSets(const Inputs& first, const Problem& problem, std::int64_t count)
    : first_(first), output_shape_{problem.batch, problem.heads_q, problem.n_q, problem.d_v}, count_(count) {
  for (const auto* part : parts(first_)) inputs_bytes_ += aligned(stored_bytes(*part));
  output_bytes_ = aligned(static_cast<std::size_t>(element_count(output_shape_)) * element_size(DType::f32));
  outputs_ = bytes_of(output_bytes_ * static_cast<std::size_t>(count_));
  copies_ = bytes_of(inputs_bytes_ * static_cast<std::size_t>(count_ - 1));
  for (std::int64_t index = 1; index < count_; ++index) {
    auto copy = set(index).inputs;
    const auto to = parts(copy), from = parts(first_);
    for (std::size_t i = 0; i < to.size(); ++i)
      if (from[i]->data) std::memcpy(to[i]->data, from[i]->data, stored_bytes(*from[i]));
  }
}

InputSets::Set InputSets::set(std::int64_t index) const {
  auto* output = outputs_.data<std::uint8_t>() + static_cast<std::size_t>(index) * output_bytes_;
  Set set{first_, {output, DType::f32, output_shape_, dense_strides(output_shape_)}};
  if (index == 0) return set;
  auto* place = copies_.data<std::uint8_t>() + static_cast<std::size_t>(index - 1) * inputs_bytes_;
  for (auto* part : parts(set.inputs)) {
    if (!part->data) continue;
    part->data = place;
    place += aligned(stored_bytes(*part));
  }
  return set;
}

void InputSets::poison_outputs() {
  std::fill_n(reinterpret_cast<float*>(outputs_.data<std::uint8_t>()),
              output_bytes_ * static_cast<std::size_t>(count_) / sizeof(float), GuardedOutput::poison());
}

InputSets::Set InputSets::next() {
  const auto index = next_;
  next_ = (next_ + 1) % count_;
  return set(index);
}

}  // namespace attnbench
