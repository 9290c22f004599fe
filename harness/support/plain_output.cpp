#include "harness/support/plain_output.h"

#include <fmt/format.h>

#include "datasets/utf8.h"

namespace attnbench {
namespace {

// C0, delete, C1; marks, embeddings, overrides and isolates of writing direction (CVE-2021-42574).
bool is_obeyed(char32_t c) {
  if (c == '\n' || c == '\t') return false;
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069);
}

// How many bytes the UTF-8 character has that begins with this one; 1 where none begins so.
std::size_t length_of(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xc2 || byte > 0xf4) return 1;
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
}

// Where the last character begins if the text ends inside it, else its size.
std::size_t whole_characters(std::string_view text) {
  for (std::size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const char c = text[text.size() - back];
    if ((static_cast<unsigned char>(c) & 0xc0) == 0x80) continue;  // not its first byte
    return length_of(c) > back ? text.size() - back : text.size();
  }
  return text.size();
}

}  // namespace

std::string printable(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto decoded = decode_utf8(text);
    for (const char32_t c : decoded.text) {
      if (is_obeyed(c)) plain += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
      else append_utf8(plain, c);
    }
    text.remove_prefix(decoded.valid_bytes);
    if (text.empty()) break;
    plain += '?';
    text.remove_prefix(1);
  }
  return plain;
}

PlainOutput::PlainOutput(std::ostream& stream) : stream_(stream), buffer_(stream.rdbuf()) { stream_.rdbuf(&buffer_); }

PlainOutput::~PlainOutput() {
  const auto state = stream_.rdstate();
  stream_.rdbuf(buffer_.target());  // forgets errors
  stream_.setstate(state);
}

PlainOutput::Buffer::int_type PlainOutput::Buffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char byte = traits_type::to_char_type(c);
  return xsputn(&byte, 1) == 1 ? c : traits_type::eof();
}

std::streamsize PlainOutput::Buffer::xsputn(const char* text, std::streamsize size) {
  const auto all = begun_ + std::string(text, static_cast<std::size_t>(size));
  const auto whole = whole_characters(all);
  begun_ = all.substr(whole);
  const auto plain = printable(all.substr(0, whole));
  const auto bytes = static_cast<std::streamsize>(plain.size());
  return target_->sputn(plain.data(), bytes) == bytes ? size : 0;
}

}  // namespace attnbench
