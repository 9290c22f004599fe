#include "datasets/utf8.h"

namespace attnbench {
namespace {

struct Sequence {
  std::size_t length;  // 0: no sequence begins like this
  char32_t bits;       // payload of the first byte
  char32_t smallest;   // value that needs this length
};

Sequence begin_sequence(unsigned char first) {
  if (first < 0x80) return {1, first, 0};
  if (first >> 5 == 0x6) return {2, first & 0x1fu, 0x80};
  if (first >> 4 == 0xe) return {3, first & 0x0fu, 0x800};
  if (first >> 3 == 0x1e) return {4, first & 0x07u, 0x10000};
  return {0, 0, 0};
}

}  // namespace

DecodedText decode_utf8(std::string_view bytes) {
  DecodedText decoded;
  decoded.text.reserve(bytes.size());
  while (decoded.valid_bytes < bytes.size()) {
    const auto rest = bytes.substr(decoded.valid_bytes);
    const auto sequence = begin_sequence(static_cast<unsigned char>(rest[0]));
    if (sequence.length == 0 || sequence.length > rest.size()) break;
    char32_t code = sequence.bits;
    bool continued = true;
    for (std::size_t i = 1; i < sequence.length; ++i) {
      const auto byte = static_cast<unsigned char>(rest[i]);
      continued = continued && byte >> 6 == 2;
      code = code << 6 | (byte & 0x3fu);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (!continued || code < sequence.smallest || code > 0x10ffff || surrogate) break;
    decoded.text += code;
    decoded.valid_bytes += sequence.length;
  }
  return decoded;
}

void append_utf8(std::string& to, char32_t code) {
  const auto continuation = [&](int shift) { to += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) to += static_cast<char>(code);
  else if (code < 0x800) to += static_cast<char>(0xc0 | code >> 6), continuation(0);
  else if (code < 0x10000) to += static_cast<char>(0xe0 | code >> 12), continuation(6), continuation(0);
  else to += static_cast<char>(0xf0 | code >> 18), continuation(12), continuation(6), continuation(0);
}

}  // namespace attnbench
