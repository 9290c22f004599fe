// Files as the datasets need them: read piece by piece, written so that no reader ever sees half a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace attnbench {

/// Read-only bytes and the buffer that keeps them alive.
struct Bytes {
  std::span<const std::byte> data;
  std::shared_ptr<const void> owner;
};

/// A regular file open for reading, or bytes in memory. Nothing is mapped: a file that is truncated while it is being read gives a
/// UserError, where access to a mapping would end the process by SIGBUS.
class InputFile {
 public:
  /// Throws UserError: missing, unreadable, a folder or a device.
  explicit InputFile(const std::string& path);
  explicit InputFile(const Bytes& memory);

  /// Bytes in the file when it was opened.
  std::uint64_t size() const { return size_; }
  /// Bytes [at, at + size), which must lie inside size(). Throws UserError when the file has become shorter or cannot be read.
  Bytes read(std::uint64_t at, std::uint64_t size) const;
  Bytes read_all() const { return read(0, size_); }

 private:
  struct Descriptor;
  std::string path_;
  std::uint64_t size_ = 0;
  std::shared_ptr<const Descriptor> descriptor_;  // null for bytes in memory
  Bytes memory_;
};

/// Memory for `size` bytes of `what`, not initialised. Throws UserError, naming both, when there is not that much.
std::shared_ptr<std::byte[]> buffer_for(const std::string& what, std::uint64_t size);

/// Writes the parts one after another to a temporary file beside `path`, then renames it into place; devices, pipes and
/// /dev/stdout are written into instead. Throws UserError when it cannot, leaving no temporary file behind.
void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts);

/// Text from outside made safe for a one-line message: control characters and malformed UTF-8 become '?', long text is cut, quotes
/// around it.
std::string in_quotes(std::string_view text);

}  // namespace attnbench
