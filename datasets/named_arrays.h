// Containers of several arrays: NumPy's .npz and Hugging Face's .safetensors.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/array.h"

namespace attnbench {

struct NamedArray {
  std::string name;  // without ".npy"
  Array array;
};

/// Which arrays of a container to read, by name.
using Wanted = std::function<bool(std::string_view name)>;

/// Names of all arrays (for messages) and the wanted ones.
struct Container {
  std::vector<std::string> names;
  std::vector<NamedArray> arrays;
};

/// Reads an .npz: a ZIP archive of .npy members, stored or deflated, ZIP64 included. Each member is checked against its directory
/// entry and its CRC; nothing is inflated beyond the size that the member's own .npy header declares.
/// Throws UserError for anything else: truncated, encrypted, lying or overlapping headers, duplicated names.
Container read_npz(const std::string& path, const Wanted& wanted);
Container parse_npz(const Bytes& file, const std::string& name, const Wanted& wanted);

/// Reads a .safetensors file (F64, F32, F16, BF16, BOOL); tensors of other types are passed over unless wanted. The format's
/// own rules are enforced: header of at most 100 MB, offsets without holes or overlaps, every byte accounted for, no duplicates.
Container read_safetensors(const std::string& path, const Wanted& wanted);
Container parse_safetensors(const Bytes& file, const std::string& name, const Wanted& wanted);

}  // namespace attnbench
