// What the contract tests share: the problems and parameter sets every variant is tried on, and ways to lay out inputs and run.
//
// The tests loop over builtin_variants(), so a new file in variants/ is held to the contract with no edit here.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "harness/planning/plan.h"
#include "tests/random_inputs.h"
#include "variants/api/registry.h"

namespace attnbench::test {

constexpr std::uint64_t kSeed = 7;

/// Always, but for long problems under sanitizers.
bool is_short_enough(const Problem& problem);

/// The odd shapes and mask combinations of the contract, short ones only under sanitizers.
std::span<const Problem> contract_problems();

/// Those that the selection supports.
std::vector<Problem> supported_problems(const Selected& selected);

/// The variant with its default parameters.
Selected defaults(const Variant& variant);

/// Non-default selections made from the declared ranges: everything at its smallest, at the square root of its default (a pattern
/// that bites at the lengths above), at twice its default, and every other word of a choice.
std::vector<Selected> other_selections(const Variant& variant);

/// defaults() and other_selections().
std::vector<Selected> all_selections(const Variant& variant);

bool supports(const Selected& selected, const Problem& problem);

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
Tensor run(const Selected& selected, const Problem& problem, const Inputs& inputs, const Parallel& parallel = {},
           Layout output = Layout::dense);

/// All rows of the selection's own float64 reference, [b][h_q][n_q][d_v].
std::vector<double> reference_output(const Selected& selected, const Problem& problem, const Inputs& inputs);

/// Whether any head of row i sees key j under the problem's masks and the variant's pattern.
bool any_head_sees(const Selected& selected, const Problem& problem, const Inputs& inputs, const Prepared& prepared, std::int64_t b,
                   std::int64_t i, std::int64_t j);

/// Whether two dense outputs have the same bits in rows [begin, end) of (b, h).
bool same_bits(const Tensor& x, const Tensor& y, std::int64_t b, std::int64_t h, std::int64_t begin, std::int64_t end);

/// Reasons one per line.
std::string joined(const Reasons& reasons);

}  // namespace attnbench::test
