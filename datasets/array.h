// Array: what a user's file holds, before it becomes a Tensor. Any rank, any of the element types we read, not converted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/files.h"
#include "variants/api/inputs.h"

namespace attnbench {

/// Order of the axes of queries, keys and values in a file: [b, h, n, d], or [b, n, h, d] as projections leave them.
enum class Layout { bhnd, bnhd };

/// "bhnd" or "bnhd". Throws UserError for other words.
Layout parse_layout(std::string_view word);
const char* name_of(Layout layout);

/// The layout that the shape of keys suggests, given that they are read in `layout`: the other one where there would be more heads
/// than tokens.
Layout likely_layout(std::span<const std::int64_t> keys, Layout layout);

struct Array {
  std::vector<std::int64_t> shape;  // any rank; {} is a scalar
  DType type = DType::f32;
  Bytes bytes;  // dense, row-major, little endian, possibly unaligned

  std::int64_t count() const;           // product of the shape
  double at(std::int64_t index) const;  // element in row-major order; booleans give 0 or 1
};

/// An array in a file of which only the header has been read.
struct StoredArray {
  std::vector<std::int64_t> shape;
  DType type = DType::f32;
  std::function<Array()> load;  // reads the elements; throws UserError when the file does not hold what its header says
};

/// Bytes that `shape` of `type` takes, or nothing when that overflows or is beyond 2^44: no file holds it.
std::optional<std::uint64_t> byte_size(std::span<const std::int64_t> shape, DType type);

/// The shape of queries, keys or values as [batch, head, n, d]; missing leading axes are 1 ([h, n, d] or [n, d]; with bnhd
/// [n, h, d] or [n, d]). Throws UserError, naming `name`, unless rank is 2 to 4 and no axis is 0.
Shape shape_4d(std::span<const std::int64_t> shape, Layout layout, const std::string& name);

/// Throws UserError, naming `name`, when the elements are not floating-point numbers.
void require_float(DType type, const std::string& name);

/// The first part[axis] elements along each axis of [batch, head, n, d], as float32. The array must be float and at least that
/// large along each axis; float64 beyond float32's range becomes infinite.
Tensor leading_part(const Array& array, const Shape& part, Layout layout = Layout::bhnd);

/// The same, but throws UserError naming the index and value of the first NaN or infinity in that part.
Tensor finite_part(const Array& array, const Shape& part, Layout layout, const std::string& name);

/// Queries, keys or values whole: a finite float array of rank 2 to 4 as a float32 tensor [batch, head, n, d].
Tensor to_tensor(const Array& array, const std::string& name);

/// A dense mask for scores of shape [b, h, n_q, n_k], broadcast to them as NumPy, ONNX and PyTorch do: axes are matched from the
/// last one, each is 1 or as long as the scores'; missing ones are 1.
///
/// Booleans and integers that are all 0 or 1 (1 = may attend) become u8; floats an additive float32 mask. A finite float64 below
/// float32's range becomes the lowest float32, so that only -inf masks a key. NaN and values above the range are refused.
/// The result holds the first part[axis] rows, keys, heads and batch entries, with 1 for batch and heads where the array has 1.
Tensor to_mask(const Array& array, const Shape& scores, const Shape& part, const std::string& name);
inline Tensor to_mask(const Array& array, const Shape& scores, const std::string& name) {
  return to_mask(array, scores, scores, name);
}

/// The stored shape [b|1, h|1, n_q, n_k] of the mask that to_mask() makes. Throws UserError when `shape` does not broadcast.
Shape mask_shape(std::span<const std::int64_t> shape, const Shape& scores, const std::string& name);

/// Whether a float mask holds only 0 and 1, and some 1: probably a boolean mask in the wrong type.
bool looks_boolean(const Array& mask);

}  // namespace attnbench
