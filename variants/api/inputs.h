// Inputs: what a call is given, by name. A spec says what one input is (shape, element type, how a dataset makes it); NamedTensors
// own the numbers; Inputs are the views that a variant reads.
//
// Every problem has q, k, v and, where it asks for one, a mask. What else a variant needs (gates, betas, sinks) it declares itself
// (Variant::extras) and is given under that name; a name that it did not declare it cannot read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "variants/api/dtype.h"
#include "variants/api/problem.h"
#include "variants/api/tensor.h"

namespace attnbench {

/// How a dataset makes an extra input that it does not hold itself. Z is an independent standard normal number for each element.
/// Decays are natural logarithms, at most 0. The numbers are those of the C ABI.
struct Fill {
  enum class Kind : std::uint8_t { dataset, normal, sigmoid, log_sigmoid, softplus, mamba_decay, constant, per_head };
  Kind kind = Kind::dataset;
  double a = 0, b = 0;

  static constexpr Fill normal(double mean, double deviation) { return {Kind::normal, mean, deviation}; }
  /// 1 / (1 + exp(-(mean + Z))): gates and betas in (0, 1)
  static constexpr Fill sigmoid(double mean) { return {Kind::sigmoid, mean, 0}; }
  /// log(sigmoid(mean + Z)) / temperature: log-decays as gated linear attention learns them
  static constexpr Fill log_sigmoid(double mean, double temperature) { return {Kind::log_sigmoid, mean, temperature}; }
  /// log(1 + exp(mean + Z)): step sizes
  static constexpr Fill softplus(double mean) { return {Kind::softplus, mean, 0}; }
  /// -u softplus(c + Z) with u in (1, 16) and softplus(c) log-uniform in (0.001, 0.1), both drawn per head: the log-decays of a
  /// newly initialised Mamba-2 layer (Dao & Gu 2024)
  static constexpr Fill mamba_decay() { return {Kind::mamba_decay, 0, 0}; }
  static constexpr Fill constant(double value) { return {Kind::constant, value, 0}; }
  /// One number per head, uniform in (low, high)
  static constexpr Fill per_head(double low, double high) { return {Kind::per_head, low, high}; }

  bool operator==(const Fill&) const = default;
};

/// One input of a problem. The shape is [batch, head, n, d], as stored; an axis of 1 is broadcast: any index is right there.
struct InputSpec {
  std::string name;
  Shape shape{};
  DType dtype = DType::f32;
  Fill fill{};
  std::string help{};  // one line

  std::size_t bytes() const { return static_cast<std::size_t>(element_count(shape)) * element_size(dtype); }
  /// Equal specs have equal bytes, whichever variant asks: the help does not matter.
  bool operator==(const InputSpec& other) const {
    return name == other.name && shape == other.shape && dtype == other.dtype && fill == other.fill;
  }
};

/// q, k and v of a problem, and its mask where it has one.
std::vector<InputSpec> input_specs(const Problem& problem);

/// [batch, heads_q, n_q, d_v]
Shape output_shape(const Problem& problem);

/// Names of the kinds of fill, in their order.
inline constexpr const char* kFillNames[] = {"dataset",  "normal",      "sigmoid",  "log_sigmoid",
                                             "softplus", "mamba_decay", "constant", "per_head"};
/// "sigmoid(0)", "log_sigmoid(0, 16)", "mamba_decay"
std::string to_string(const Fill& fill);
/// "beta [2, 4, 16, 1] f32 sigmoid(0)": the same for equal specs and no others.
std::string to_string(const InputSpec& spec);
/// "[2, 4, 16, 1]"
std::string shape_text(std::span<const std::int64_t> shape);

/// An extra input as a call sees it.
struct NamedTensor {
  const char* name;
  TensorRef tensor;
};

/// Read-only inputs of a call. q [b, h_q, n_q, d_qk], k [b, h_kv, n_k, d_qk], v [b, h_kv, n_k, d_v]; mask is already broadcast to
/// [b, h_q, n_q, n_k] (stride 0 where stored once): u8 with 1 = may attend, or f32 added after scale and softcap.
struct Inputs {
  TensorRef q, k, v;
  TensorRef mask;                         // data is null when problem.mask.kind is none
  std::span<const NamedTensor> extras{};  // those that the variant declares

  TensorView<const float> queries() const { return q.as<const float>(); }
  TensorView<const float> keys() const { return k.as<const float>(); }
  TensorView<const float> values() const { return v.as<const float>(); }
  /// An extra input that the variant declares. Throws std::out_of_range for any other name.
  TensorView<const float> extra(std::string_view name) const;
};

/// An extra input as calls see it: axes of 1 get stride 0.
TensorRef extra_view(TensorRef stored);

/// Bytes that a tensor takes where it is stored; an axis of stride 0 is stored once.
std::size_t stored_bytes(const TensorRef& tensor);
/// Of all inputs of a call.
std::size_t stored_bytes(const Inputs& inputs);

/// Extra inputs, owned, by name. Views of them stay valid when this is moved.
class ExtraTensors {
 public:
  /// Adds a tensor, or replaces the one of that name; views taken before are no longer valid.
  void set(std::string name, Tensor tensor);
  /// Throws std::out_of_range when there is none of that name.
  const Tensor& operator[](std::string_view name) const;
  std::span<const NamedTensor> views() const { return views_; }

 private:
  struct Entry {
    std::string name;
    Tensor tensor;
  };
  std::vector<Entry> entries_;
  std::vector<NamedTensor> views_;
};

/// Owned inputs of one problem, shaped as its input_specs() say.
struct NamedTensors {
  Tensor q, k, v;
  Tensor mask{};  // empty without one
  ExtraTensors extras{};

  /// Views for a call; valid as long as this object, or what it is moved to. The mask is broadcast to [b, h_q, n_q, n_k].
  Inputs inputs(const Problem& problem) const;
  /// The input of that name. Throws std::out_of_range when there is none.
  const Tensor& operator[](std::string_view name) const;
};

/// Zeroed tensors for q, k and v of a problem, without a mask.
NamedTensors empty_inputs(const Problem& problem);

}  // namespace attnbench
