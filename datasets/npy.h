// NumPy's .npy files: format versions 1.0 to 3.0 (numpy.lib.format), bool, float16, float32 and float64.
//
// Reading maps the file and checks its header against its length before anything is allocated; writing is atomic.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "datasets/array.h"

namespace attnbench {

/// Reads a file. Fortran order is turned into C order. Throws UserError: no .npy, truncated or longer than its header says, big
/// endian, an element type we do not read. Next step: to_tensor() or to_mask() of array.h.
Array read_npy(const std::string& path);

/// The same from bytes in memory (a member of an .npz); `name` is what messages call it.
Array parse_npy(const Bytes& bytes, const std::string& name);

/// Bytes that the whole .npy file takes, said by its first bytes (all of the header among them). Throws as parse_npy does.
std::uint64_t npy_file_size(std::span<const std::byte> beginning, const std::string& name);

/// Writes float32 values, row-major, of any rank.
void write_npy(const std::string& path, std::span<const std::int64_t> shape, std::span<const float> values);

/// Writes a tensor [batch, head, n, d] of any strides: f32 as float32, u8 as bool.
void write_npy(const std::string& path, const TensorRef& tensor);

}  // namespace attnbench
