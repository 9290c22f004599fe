// Spelling: what a name looks like, and what to say about an unknown one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace attnbench {

/// Whether it can name a variant, a parameter or an input: lower-case letters, digits and _, starting with a letter.
bool is_identifier(std::string_view name);

std::string join(std::span<const std::string> words, std::string_view separator);

/// The known name with the smallest edit distance, when it is close enough to be meant; else "".
std::string nearest_name(std::string_view name, std::span<const std::string> known);

/// "; did you mean 'blockwise'?" or, without a near name, "; known: a, b, c".
std::string suggestion(std::string_view name, std::span<const std::string> known);

}  // namespace attnbench
