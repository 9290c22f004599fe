// Plain text: what a plugin says may be any bytes. Terminals obey control characters and JSON takes UTF-8 only.
#pragma once

#include <string>
#include <string_view>

namespace attnbench::plugins {

/// Why the text is refused in a descriptor: "is not valid UTF-8", "has a control character"; null when it is plain.
const char* text_fault(std::string_view text);

/// The text with '?' for control characters and for bytes that are not UTF-8.
std::string plain_text(std::string_view text);

}  // namespace attnbench::plugins
