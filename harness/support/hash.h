// Hashes that name things: the bytes of a file, a label that is too long for a file name.
#pragma once

#include <string>
#include <string_view>

namespace attnbench {

/// 64-bit FNV-1a of some bytes, as 16 hexadecimal digits. For names and change detection, not for security.
std::string fingerprint(std::string_view bytes);

/// Hash of a file's bytes; two builds with the same code and flags share it. Throws UserError when it cannot be read.
std::string binary_id(const std::string& path);

}  // namespace attnbench
