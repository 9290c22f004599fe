#include "datasets/extra_array.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "variants/api/error.h"

namespace attnbench {
namespace {

// Whether an axis of `have` elements can give `want`: it is as long, or both are the same size of their problems.
bool serves(std::size_t axis, std::int64_t have, std::int64_t want, const Problem& held, const Problem& asked) {
  const auto cut = [&](std::int64_t Problem::*size) { return have == held.*size && want == asked.*size && want <= have; };
  if (have == want) return true;
  if (axis == 0) return cut(&Problem::batch);
  if (axis == 1) return cut(&Problem::heads_q) || cut(&Problem::heads_kv);
  return axis == 2 && (cut(&Problem::n_q) || cut(&Problem::n_k));
}

// The shape with axes of 1 inserted so that it matches `spec`, in the order of the file; none if no insertion matches.
std::optional<Shape> whole_shape(std::span<const std::int64_t> shape, const InputSpec& spec, const Problem& held,
                                 const Problem& asked, Layout layout) {
  for (unsigned present = 0; present < 16; ++present) {
    if (static_cast<std::size_t>(std::popcount(present)) != shape.size()) continue;
    Shape whole{1, 1, 1, 1};
    auto next = shape.begin();
    for (std::size_t axis = 0; axis < 4; ++axis)
      if (present >> axis & 1) whole[axis] = *next++;
    const auto stored = whole;
    if (layout == Layout::bnhd) std::swap(whole[1], whole[2]);
    bool fits = true;
    for (std::size_t axis = 0; axis < 4; ++axis) fits = fits && serves(axis, whole[axis], spec.shape[axis], held, asked);
    if (fits) return stored;
  }
  return std::nullopt;
}

void require_usable(const Tensor& tensor, const std::string& name) {
  for (std::int64_t t = 0; t < element_count(tensor.shape()); ++t) {
    const float value = tensor.data()[t];
    if (value < std::numeric_limits<float>::infinity()) continue;  // false for NaN
    const auto& s = tensor.shape();
    const Shape index{t / (s[1] * s[2] * s[3]), t / (s[2] * s[3]) % s[1], t / s[3] % s[2], t % s[3]};
    throw UserError(name + " holds " + (std::isnan(value) ? "NaN" : "inf") + " at [b, h, n, d] = " + shape_text(index) +
                    "; an extra input may hold finite float32 values and -inf");
  }
}

}  // namespace

Tensor extra_part(const StoredArray& array, const InputSpec& spec, const Problem& held, const Problem& asked, Layout layout,
                  const std::string& name) {
  if (!is_float(array.type))
    throw UserError(name + " has element type " + info_of(array.type).numpy_name +
                    "; an extra input is float16, bfloat16, float32 or float64, such as with .astype('float32')");
  const auto whole = whole_shape(array.shape, spec, held, asked, layout);
  if (!whole) {
    auto expected = spec.shape;
    if (layout == Layout::bnhd) std::swap(expected[1], expected[2]);
    throw UserError(name + " has shape " + shape_text(array.shape) + "; for " + to_string(asked) + " the input '" + spec.name +
                    "' is " + (layout == Layout::bhnd ? "[b, h, n, d]" : "[b, n, h, d]") + " = " + shape_text(expected) +
                    ", where axes of 1 may be left out");
  }
  auto loaded = array.load();
  loaded.shape.assign(whole->begin(), whole->end());
  auto tensor = leading_part(loaded, spec.shape, layout);
  require_usable(tensor, name);
  return tensor;
}

}  // namespace attnbench
