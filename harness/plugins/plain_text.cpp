#include "harness/plugins/plain_text.h"

#include <algorithm>

#include "datasets/utf8.h"

namespace attnbench::plugins {
namespace {

// C0, delete, C1.
bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7f && c < 0xa0); }

}  // namespace

const char* text_fault(std::string_view text) {
  const auto decoded = decode_utf8(text);
  if (decoded.valid_bytes < text.size()) return "is not valid UTF-8";
  if (std::any_of(decoded.text.begin(), decoded.text.end(), is_control)) return "has a control character";
  return nullptr;
}

std::string plain_text(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto decoded = decode_utf8(text);
    for (const char32_t c : decoded.text) append_utf8(plain, is_control(c) ? U'?' : c);
    text.remove_prefix(decoded.valid_bytes);
    if (text.empty()) break;
    plain += '?';
    text.remove_prefix(1);
  }
  return plain;
}

}  // namespace attnbench::plugins
