// One call of a variant as the contract makes it: inputs laid out in some way, memory poisoned, the output brought back dense; and
// what it should have been.
#pragma once

#include <string>
#include <vector>

#include "harness/planning/variant_config.h"

namespace attnbench::contract {

/// How a tensor lies in memory. Padding and everything else outside the elements is NaN.
enum class Layout { dense, padded_rows, heads_inside };  // heads_inside: [b, n, h, d] order, as projections leave it
constexpr Layout kLayouts[] = {Layout::dense, Layout::padded_rows, Layout::heads_inside};
const char* name_of(Layout layout);

/// A tensor in some layout, starting off a cache line boundary.
struct Laid {
  Tensor memory;
  TensorRef ref;
};
Laid lay_out(const Tensor& dense, Layout layout);

/// One call; the output comes back dense. An own workspace per call, as large as declared and poisoned.
Tensor run(const VariantConfig& config, const Problem& problem, const Inputs& inputs, const Parallel& parallel = {},
           Layout output = Layout::dense);

/// All rows of the selection's own float64 reference, [b][h_q][n_q][d_v], and which of them it leaves undecided, [b][h_q][n_q].
struct ReferenceOutput {
  std::vector<double> rows;
  std::vector<std::uint8_t> undecided;
};
ReferenceOutput reference_output(const VariantConfig& config, const Problem& problem, const Inputs& inputs);

/// Whether any head of row i sees key j under the problem's masks and the variant's pattern.
bool any_head_sees(const VariantConfig& config, const Problem& problem, const Inputs& inputs, const Prepared& prepared,
                   std::int64_t b, std::int64_t i, std::int64_t j);

/// Whether two dense outputs have the same bits in rows [begin, end) of (b, h).
bool same_bits(const Tensor& x, const Tensor& y, std::int64_t b, std::int64_t h, std::int64_t begin, std::int64_t end);

}  // namespace attnbench::contract
