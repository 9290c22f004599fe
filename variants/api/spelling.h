// Spelling: what to say about an unknown name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace attnbench {

std::string join(std::span<const std::string> words, std::string_view separator);

/// The known name with the smallest edit distance, when it is close enough to be meant; else "".
std::string nearest_name(std::string_view name, std::span<const std::string> known);

/// "; did you mean 'blockwise'?" or, without a near name, "; known: a, b, c".
std::string suggestion(std::string_view name, std::span<const std::string> known);

}  // namespace attnbench
