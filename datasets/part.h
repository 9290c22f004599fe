// Part: which problems the arrays of a file can serve. A problem may use the first batch entries, whole groups of heads and the
// first tokens of what the file holds, in that order; everything else is another problem than the file's.
#pragma once

#include <optional>
#include <string>

#include "variants/api/problem.h"

namespace attnbench {

struct Misfit {
  std::string reason;        // one line with the axes to paste
  bool only_tokens = false;  // the file is merely shorter than asked
};

/// Why arrays of the problem `held` cannot serve the problem `asked`; nothing when they can. `dataset` is what the line calls them.
///
/// Heads: the query heads of a group share a key head, so only whole groups keep every query head with its own key head. Dimensions
/// and a dense mask must be the file's; a mask may be left out, and one that the file does not hold may be asked for.
std::optional<Misfit> misfit_of(const Problem& held, const Problem& asked, const std::string& dataset);

/// "8 of 32 query heads, 1 of 2 batch entries", or "" when all are used.
std::string cut_text(const Problem& held, const Problem& asked);

/// The sizes and the dense mask of a problem as its string has them: "b1 h32:8 n512 d128 mask=bool".
std::string sizes_text(const Problem& problem);

/// The problem's text with the sizes (b, h, n, d) and the mask that it leaves out taken from `held`.
std::string completed(const std::string& problem_text, const Problem& held);

/// The problem's text without any sizes.
std::string without_sizes(const std::string& problem_text);

}  // namespace attnbench
