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
  StoredArray array;
};

/// Which arrays of a container to open, by name.
using Wanted = std::function<bool(std::string_view name)>;

/// Names of all arrays (for messages) and the wanted ones.
struct Container {
  std::vector<std::string> names;
  std::vector<NamedArray> arrays;
};

/// Opens an .npz: a ZIP archive of .npy members, stored or deflated, ZIP64 included. Only the header of a wanted member is
/// inflated; its declared size is held against the directory's there. load() checks the CRC and inflates exactly that size.
/// Throws UserError for anything else: truncated, encrypted, lying or overlapping headers, duplicated names.
Container open_npz(const InputFile& file, const std::string& name, const Wanted& wanted);

/// Opens a .safetensors file (F64, F32, F16, BF16, BOOL and integers); tensors of other types are passed over unless wanted. The
/// rules of the format's own reader are enforced: a header of at most 100 MB that begins with '{' and may end in spaces, offsets
/// without holes or overlaps, every byte accounted for, no duplicates.
Container open_safetensors(const InputFile& file, const std::string& name, const Wanted& wanted);

}  // namespace attnbench
