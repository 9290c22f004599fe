// Files as the datasets need them: read by mapping, written so that nobody ever sees half a file.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace attnbench {

/// Read-only bytes and whatever keeps them alive (a mapped file, a buffer).
struct Bytes {
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
};

/// Maps a regular file. Throws UserError: missing, unreadable, a folder or a device.
Bytes map_file(const std::string& path);

/// Writes the parts one after another to a temporary file beside `path`, then renames it into place; a target that exists and is
/// no regular file (/dev/stdout) is written directly. Throws UserError when it cannot, leaving no temporary file behind.
void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts);

/// Text from outside made safe for a one-line message: control characters and malformed UTF-8 become '?', long text is cut, quotes
/// around it.
std::string in_quotes(std::string_view text);

}  // namespace attnbench
