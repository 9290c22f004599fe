// Dense masks for problems that ask for one; every dataset uses these.
#pragma once

#include <cstdint>

#include "variants/api/tensor.h"

namespace attnbench {

/// The mask of problem.mask at its stored shape [b|1, h|1, n_q, n_k]; an empty tensor when the problem has none.
///
/// boolean (u8, 1 = may attend): each pair is kept with probability 3/4, the query's own position always; rows 63, 127, 191 ...
/// keep nothing, because fully masked rows are where implementations differ.
/// additive (f32): ALiBi's penalty -slope |distance| (Press, Smith & Lewis 2022, section 3: head h of H has slope 2^(-8 (h + 1) /
/// H)), with one pair in 8 at -inf, the query's own position never.
Tensor make_mask(const Problem& problem, std::uint64_t seed);

}  // namespace attnbench
