// Tokenizer: UTF-8 text into words and punctuation marks.
//
// A token is a run of letters, digits and combining marks (apostrophes between letters included), lower-cased; or a single other
// visible character; or a single CJK ideograph or kana, for those scripts put no spaces between words. White space and control
// characters separate. Upper case is known for Latin, Greek and Cyrillic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attnbench {

struct TokenizedText {
  std::vector<std::string> words;  // the vocabulary, most frequent first, ties by first appearance; "<rare>" last if it was capped
  std::vector<std::uint32_t> tokens;  // indices into words, in reading order
};

/// At most `vocabulary` words are kept; the others become one word, "<rare>". Throws UserError naming the text and the byte offset
/// where it is not valid UTF-8 (over-long forms, surrogates and values above U+10FFFF included).
TokenizedText tokenize(std::string_view text, std::size_t vocabulary, const std::string& name);

}  // namespace attnbench
