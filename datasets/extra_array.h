// A user's array as an extra input of a variant.
#pragma once

#include <string>

#include "datasets/array.h"
#include "variants/api/inputs.h"

namespace attnbench {

/// The array as the input `spec` of the problem `asked`, in float32. It belongs to arrays of the problem `held`, of which `asked`
/// may be a part (part.h): then the first batch entries, heads and tokens are taken. Axes are [b, h, n, d], with bnhd [b, n, h, d];
/// axes of 1 may be left out. Every value is finite or minus infinity. Throws UserError, naming `name`.
Tensor extra_part(const StoredArray& array, const InputSpec& spec, const Problem& held, const Problem& asked, Layout layout,
                  const std::string& name);

}  // namespace attnbench
