#include "variants/api/input_check.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "variants/api/spelling.h"

namespace attnbench {
namespace {

std::string fault_of(const InputSpec& spec) {
  const std::string what = "the extra input '" + spec.name + "' ";
  if (!is_identifier(spec.name)) return what + "has a name that is not lower-case letters, digits and _, starting with a letter";
  for (const char* taken : {"q", "k", "v", "mask", "output"})
    if (spec.name == taken) return what + "has a name that every problem uses; choose another";
  if (std::any_of(spec.shape.begin(), spec.shape.end(), [](std::int64_t axis) { return axis < 1; }))
    return what + "has the shape " + shape_text(spec.shape) + "; every axis is at least 1";
  if (spec.dtype != DType::f32) return what + "is " + name_of(spec.dtype) + "; only f32 can be made";
  if (static_cast<std::size_t>(spec.fill.kind) >= std::size(kFillNames)) return what + "has an unknown fill";
  if (!std::isfinite(spec.fill.a) || !std::isfinite(spec.fill.b)) return what + "has a fill whose numbers are not finite";
  if (spec.fill.kind == Fill::Kind::log_sigmoid && !(spec.fill.b > 0)) return what + "has a temperature that is not above 0";
  return {};
}

}  // namespace

std::string fault_of(std::span<const InputSpec> extras) {
  for (auto spec = extras.begin(); spec != extras.end(); ++spec) {
    if (auto fault = fault_of(*spec); !fault.empty()) return fault;
    if (std::any_of(extras.begin(), spec, [&](const InputSpec& earlier) { return earlier.name == spec->name; }))
      return "the extra input '" + spec->name + "' is declared twice";
  }
  return {};
}

}  // namespace attnbench
