// NumPy's .npy files: format versions 1.0 to 3.0 (numpy.lib.format), bool, integers, float16, float32 and float64.
//
// Reading checks the header against the file's length before anything is allocated; writing is atomic.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "datasets/array.h"

namespace attnbench {

/// Bytes from the start of a file among which its header must lie: the longest header of version 1, which alone numpy writes for
/// the element types we read.
constexpr std::uint64_t kLongestNpyHeader = 12 + 65535;

/// Reads the header of a file; its load() turns Fortran order into C order. `name` is what messages call it. Throws UserError: no
/// .npy, truncated or longer than its header says, big endian, an element type we do not read.
StoredArray open_npy(const InputFile& file, const std::string& name);
inline StoredArray open_npy(const std::string& path) { return open_npy(InputFile(path), in_quotes(path)); }

/// Reads a file whole. Next step: to_tensor() or to_mask() of array.h.
inline Array read_npy(const std::string& path) { return open_npy(path).load(); }

/// The same from bytes in memory (a member of an .npz).
inline Array parse_npy(const Bytes& bytes, const std::string& name) { return open_npy(InputFile(bytes), name).load(); }

/// What the first kLongestNpyHeader bytes of a file (or all of it) say about it.
struct NpyHeader {
  std::vector<std::int64_t> shape;
  DType type = DType::f32;
  bool fortran_order = false;
  std::uint64_t begin = 0;       // of the data
  std::uint64_t data_bytes = 0;  // by the shape

  std::uint64_t file_size() const { return begin + data_bytes; }
};
NpyHeader parse_npy_header(std::span<const std::byte> beginning, const std::string& name);

/// Writes float32 values, row-major, of any rank.
void write_npy(const std::string& path, std::span<const std::int64_t> shape, std::span<const float> values);
/// The same for float64.
void write_npy(const std::string& path, std::span<const std::int64_t> shape, std::span<const double> values);

/// Writes a tensor [batch, head, n, d] of any strides: f32 as float32, u8 as bool.
void write_npy(const std::string& path, const TensorRef& tensor);

}  // namespace attnbench
