#include "harness/worker/input_sets.h"

#include <algorithm>
#include <cstring>

#include "harness/worker/guarded_output.h"

namespace attnbench {
namespace {

std::size_t aligned(std::size_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

// Calls use(tensor) for each input of a set; `extras` are those that its views are of.
template <class Use>
void for_each_part(Inputs& inputs, std::vector<NamedTensor>& extras, Use use) {
  for (auto* tensor : {&inputs.q, &inputs.k, &inputs.v, &inputs.mask})
    if (tensor->data) use(*tensor);
  for (auto& extra : extras) use(extra.tensor);
}

Tensor bytes_of(std::size_t count) { return Tensor({1, 1, 1, static_cast<std::int64_t>(count)}, DType::u8); }

}  // namespace

InputSets::InputSets(const Inputs& first, const Problem& problem, std::int64_t count)
    : sets_(static_cast<std::size_t>(count)), extras_(sets_.size(), {first.extras.begin(), first.extras.end()}) {
  const auto shape = output_shape(problem);
  const auto output_bytes = aligned(static_cast<std::size_t>(element_count(shape)) * element_size(DType::f32));
  std::size_t inputs_bytes = 0;
  auto whole = first;
  for_each_part(whole, extras_[0], [&](const TensorRef& tensor) { inputs_bytes += aligned(stored_bytes(tensor)); });
  outputs_ = bytes_of(output_bytes * sets_.size());
  copies_ = bytes_of(inputs_bytes * (sets_.size() - 1));
  auto* output = outputs_.data<std::uint8_t>();
  auto* place = copies_.data<std::uint8_t>();
  for (std::size_t i = 0; i < sets_.size(); ++i, output += output_bytes) {
    sets_[i] = {first, {output, DType::f32, shape, dense_strides(shape)}};
    sets_[i].inputs.extras = extras_[i];
    if (i == 0) continue;
    for_each_part(sets_[i].inputs, extras_[i], [&](TensorRef& tensor) {
      std::memcpy(place, tensor.data, stored_bytes(tensor));
      tensor.data = place;
      place += aligned(stored_bytes(tensor));
    });
  }
}

void InputSets::poison_outputs() {
  std::fill_n(reinterpret_cast<float*>(outputs_.data<std::uint8_t>()), outputs_.bytes() / sizeof(float), GuardedOutput::poison());
}

const InputSets::Set& InputSets::next() {
  const auto& set = sets_[next_];
  next_ = (next_ + 1) % sets_.size();
  return set;
}

}  // namespace attnbench
