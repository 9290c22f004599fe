// Fills: the extra inputs of a variant that no dataset holds, made as their spec says.
#pragma once

#include <cstdint>

#include "variants/api/inputs.h"

namespace attnbench {

/// The same spec and seed give the same bytes on every machine. Random numbers depend on the seed, the input's name and the place
/// of an element and on nothing else: two variants that declare equal specs get equal bytes, and a shorter sequence gets a prefix.
/// Throws UserError for Fill::Kind::dataset, which only a dataset that holds the array can give.
Tensor make_fill(const InputSpec& spec, std::uint64_t seed);

}  // namespace attnbench
