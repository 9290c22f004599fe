#include "datasets/tokenizer.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "datasets/utf8.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

bool within(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

bool is_space(char32_t c) {
  return c <= 0x20 || within(c, 0x7f, 0xa0) || within(c, 0x2000, 0x200f) || within(c, 0x2028, 0x202f) || c == 0x205f ||
         c == 0x3000 || c == 0xfeff;
}

bool is_punctuation(char32_t c) {
  if (c < 0x80) return !(within(c, '0', '9') || within(c, 'a', 'z') || within(c, 'A', 'Z'));
  return (within(c, 0xa1, 0xbf) && c != 0xaa && c != 0xb5 && c != 0xba) || c == 0xd7 || c == 0xf7 || within(c, 0x2010, 0x2bff) ||
         within(c, 0x3001, 0x303f) || within(c, 0xff00, 0xff0f) || within(c, 0x1f000, 0x1faff);
}

bool stands_alone(char32_t c) {
  return within(c, 0x3040, 0x30ff) || within(c, 0x3400, 0x9fff) || within(c, 0xf900, 0xfaff) || within(c, 0x20000, 0x3ffff);
}

bool is_letter(char32_t c) { return !is_space(c) && !is_punctuation(c) && !stands_alone(c); }

bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019; }

char32_t lower(char32_t c) {
  if (within(c, 'A', 'Z') || (within(c, 0xc0, 0xde) && c != 0xd7)) return c + 32;
  if (within(c, 0x391, 0x3a9) || within(c, 0x410, 0x42f)) return c + 32;
  if (within(c, 0x400, 0x40f)) return c + 80;
  // Latin Extended-A pairs upper and lower case, even first in most of it, odd first in two stretches.
  const bool odd_first = within(c, 0x139, 0x148) || within(c, 0x179, 0x17e);
  if (within(c, 0x100, 0x177) && c != 0x130 && c != 0x138 && c != 0x149 && !odd_first) return c | 1;
  if (odd_first) return c + (c & 1);
  if (c == 0x178) return 0xff;  // Y with diaeresis
  return c;
}

// Appends one token starting at text[at] to `word` and moves `at` behind it; leaves `word` empty for white space.
void next_token(std::u32string_view text, std::size_t& at, std::string& word) {
  word.clear();
  const char32_t first = text[at++];
  if (is_space(first)) return;
  append_utf8(word, lower(first));
  if (!is_letter(first)) return;
  for (; at < text.size(); ++at) {
    const bool inner_apostrophe = is_apostrophe(text[at]) && at + 1 < text.size() && is_letter(text[at + 1]);
    if (!is_letter(text[at]) && !inner_apostrophe) return;
    append_utf8(word, inner_apostrophe ? U'\'' : lower(text[at]));
  }
}

// Keeps the most frequent words and renumbers the tokens.
void cap_vocabulary(TokenizedText& text, const std::vector<std::size_t>& counts, std::size_t vocabulary) {
  std::vector<std::uint32_t> order(counts.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
  const bool capped = order.size() > vocabulary;
  const auto kept = capped ? vocabulary - 1 : order.size();
  std::vector<std::uint32_t> number(order.size(), static_cast<std::uint32_t>(kept));
  std::vector<std::string> words;
  for (std::size_t i = 0; i < kept; ++i) {
    number[order[i]] = static_cast<std::uint32_t>(i);
    words.push_back(std::move(text.words[order[i]]));
  }
  if (capped) words.emplace_back("<rare>");
  text.words = std::move(words);
  for (auto& token : text.tokens) token = number[token];
}

}  // namespace

TokenizedText tokenize(std::string_view utf8, std::size_t vocabulary, const std::string& name) {
  const auto decoded = decode_utf8(utf8);
  if (decoded.valid_bytes < utf8.size())
    throw UserError(name + " is not valid UTF-8 at byte " + std::to_string(decoded.valid_bytes) +
                    "; convert it, such as with iconv -t UTF-8");
  TokenizedText text;
  std::vector<std::size_t> counts;
  std::unordered_map<std::string, std::uint32_t> numbers;
  std::string word;
  for (std::size_t at = 0; at < decoded.text.size();) {
    next_token(decoded.text, at, word);
    if (word.empty()) continue;
    const auto [entry, fresh] = numbers.try_emplace(word, static_cast<std::uint32_t>(numbers.size()));
    if (fresh) {
      text.words.push_back(word);
      counts.push_back(0);
    }
    ++counts[entry->second];
    text.tokens.push_back(entry->second);
  }
  cap_vocabulary(text, counts, vocabulary);
  return text;
}

}  // namespace attnbench
