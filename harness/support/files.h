// Files of the harness's own: text read whole from regular files, text replaced whole, and folders that are gone when they are
// done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "variants/api/error.h"

namespace attnbench {

struct UnreadableFile : UserError {
  using UserError::UserError;
};

constexpr std::uint64_t kLargestText = std::uint64_t{1} << 30;  // bytes; records of a run are some megabytes

/// The bytes of a regular file. Throws UnreadableFile, "cannot read PATH: WHY": missing, unreadable, a folder, device,
/// FIFO or socket (which might never end), more than kLargestText bytes.
std::string read_file(const std::string& path);

/// Replaces a file as a whole, through a temporary file and a rename; a device or FIFO is written into and stays what it is. Throws
/// UserError when it cannot.
void replace_file(const std::string& path, std::string_view text);

/// A new folder with an unpredictable name in the folder for temporary files; gone, with all in it, at the end of its life.
class ScratchFolder {
 public:
  /// `name` begins the folder's name. Throws UserError when none can be made.
  explicit ScratchFolder(const std::string& name);
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string operator/(const std::string& file) const { return path_ + "/" + file; }

 private:
  std::string path_;
};

}  // namespace attnbench
