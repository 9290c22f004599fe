#include "variants/api/inputs.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "variants/api/number.h"

namespace attnbench {
namespace {

// How many of a and b a fill has.
constexpr int kFillNumbers[] = {0, 2, 1, 2, 1, 0, 1, 2};
static_assert(std::size(kFillNumbers) == std::size(kFillNames));

}  // namespace

std::vector<InputSpec> input_specs(const Problem& p) {
  std::vector<InputSpec> specs = {{"q", {p.batch, p.heads_q, p.n_q, p.d_qk}, p.dtype},
                                  {"k", {p.batch, p.heads_kv, p.n_k, p.d_qk}, p.dtype},
                                  {"v", {p.batch, p.heads_kv, p.n_k, p.d_v}, p.dtype}};
  if (p.mask.kind != MaskKind::none)
    specs.push_back({"mask",
                     {p.mask.per_batch ? p.batch : 1, p.mask.per_head ? p.heads_q : 1, p.n_q, p.n_k},
                     p.mask.kind == MaskKind::boolean ? DType::u8 : DType::f32});
  return specs;
}

Shape output_shape(const Problem& p) { return {p.batch, p.heads_q, p.n_q, p.d_v}; }

std::string to_string(const Fill& fill) {
  const auto kind = static_cast<std::size_t>(fill.kind);
  const int numbers = kFillNumbers[kind];
  std::string text = kFillNames[kind];
  if (numbers > 0) text += "(" + number_text(fill.a);
  if (numbers > 1) text += ", " + number_text(fill.b);
  return numbers > 0 ? text + ")" : text;
}

std::string to_string(const InputSpec& spec) {
  return spec.name + " " + shape_text(spec.shape) + " " + name_of(spec.dtype) + " " + to_string(spec.fill);
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

TensorView<const float> Inputs::extra(std::string_view name) const {
  for (const auto& given : extras)
    if (name == given.name) return given.tensor.as<const float>();
  throw std::out_of_range("'" + std::string(name) + "' is not an extra input that this variant declares");
}

TensorRef extra_view(TensorRef stored) {
  for (std::size_t axis = 0; axis < 3; ++axis)
    if (stored.shape[axis] == 1) stored.stride[axis] = 0;
  return stored;
}

std::size_t stored_bytes(const TensorRef& tensor) {
  if (!tensor.data) return 0;
  auto shape = tensor.shape;
  for (std::size_t axis = 0; axis < shape.size(); ++axis)
    if (tensor.stride[axis] == 0) shape[axis] = 1;
  return static_cast<std::size_t>(element_count(shape)) * element_size(tensor.dtype);
}

std::size_t stored_bytes(const Inputs& inputs) {
  std::size_t bytes = 0;
  for (const auto* tensor : {&inputs.q, &inputs.k, &inputs.v, &inputs.mask}) bytes += stored_bytes(*tensor);
  for (const auto& extra : inputs.extras) bytes += stored_bytes(extra.tensor);
  return bytes;
}

void ExtraTensors::set(std::string name, Tensor tensor) {
  const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.name == name; });
  if (known != entries_.end()) known->tensor = std::move(tensor);
  else entries_.push_back({std::move(name), std::move(tensor)});
  views_.clear();
  for (const auto& entry : entries_) views_.push_back({entry.name.c_str(), extra_view(entry.tensor.ref())});
}

const Tensor& ExtraTensors::operator[](std::string_view name) const {
  for (const auto& entry : entries_)
    if (entry.name == name) return entry.tensor;
  throw std::out_of_range("there is no input '" + std::string(name) + "'");
}

Inputs NamedTensors::inputs(const Problem& problem) const {
  return {q.ref(), k.ref(), v.ref(), mask.empty() ? TensorRef{} : broadcast(mask.ref(), problem.batch, problem.heads_q),
          extras.views()};
}

const Tensor& NamedTensors::operator[](std::string_view name) const {
  if (name == "q") return q;
  if (name == "k") return k;
  if (name == "v") return v;
  return name == "mask" ? mask : extras[name];
}

NamedTensors empty_inputs(const Problem& problem) {
  const auto specs = input_specs(problem);
  return {Tensor(specs[0].shape, specs[0].dtype), Tensor(specs[1].shape, specs[1].dtype), Tensor(specs[2].shape, specs[2].dtype)};
}

}  // namespace attnbench
