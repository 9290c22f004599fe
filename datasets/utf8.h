// UTF-8, checked as RFC 3629 defines it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace attnbench {

struct DecodedText {
  std::u32string text;
  std::size_t valid_bytes = 0;  // all of them, or those before the first malformed sequence
};

/// Decodes until the end or the first malformed sequence: stray or missing continuation bytes, over-long forms, surrogates, values
/// above U+10FFFF.
DecodedText decode_utf8(std::string_view bytes);

void append_utf8(std::string& to, char32_t code);

}  // namespace attnbench
