// Words: the small text tools that every part of the command-line syntax shares. Counts with suffixes, lists that respect
// parentheses, glob patterns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "variants/api/spelling.h"

namespace attnbench {

/// "4096", "4k" (4 x 1024), "1m" (1024^2) or "1e6"; empty when it is not a count or does not fit.
std::optional<std::int64_t> parse_count(std::string_view text);

/// Bytes: a count, also with g (1024^3) or t (1024^4), and with a fraction ("1.5g"). Empty when it is none of these.
std::optional<double> parse_bytes(std::string_view text);

/// Splits at commas outside parentheses and trims spaces: "a(x=1,y=2), b" gives "a(x=1,y=2)" and "b". Empty text gives one "".
std::vector<std::string> split_list(std::string_view text);

/// How many numbers a list such as "0-3,8" holds, as Linux prints sets of CPUs and NUMA nodes: 5. 0 when it is empty.
int count_listed(std::string_view list);

/// Without leading and trailing spaces.
std::string_view trim(std::string_view text);

/// Whether text matches a pattern of literal characters, '*' (any run) and '?' (any one).
bool glob_match(std::string_view pattern, std::string_view text);

/// A word as the shell takes it: in 'single quotes', inside which it reads everything as it is, where it needs any.
std::string shell_quoted(const std::string& text);

}  // namespace attnbench
