#include "harness/support/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>

#include "datasets/files.h"
#include "harness/support/file_descriptor.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

[[noreturn]] void cannot_read(const std::string& path, const std::string& why) {
  throw UnreadableFile("cannot read " + path + ": " + why);
}

}  // namespace

std::string read_file(const std::string& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));  // a FIFO is not waited for
  struct stat info {};
  if (!file.open() || ::fstat(file.get(), &info) != 0) cannot_read(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) cannot_read(path, "it is not a regular file");
  std::string text;
  std::array<char, 1 << 16> buffer;
  for (ssize_t count; (count = ::read(file.get(), buffer.data(), buffer.size())) != 0;) {
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) cannot_read(path, std::strerror(errno));
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > kLargestText) cannot_read(path, "it has more than 1 GiB");
  }
  return text;
}

void replace_file(const std::string& path, std::string_view text) {
  const std::span<const std::byte> part = std::as_bytes(std::span(text));
  write_file(path, {&part, 1});
}

ScratchFolder::ScratchFolder(const std::string& name) {
  std::error_code error;
  const auto parent = std::filesystem::temp_directory_path(error);
  path_ = (parent / (name + "-XXXXXX")).string();
  if (error || ::mkdtemp(path_.data()) == nullptr)
    throw UserError("cannot make a folder for temporary files: " + (error ? error.message() : path_ + ": " + std::strerror(errno)) +
                    "; set TMPDIR to a folder that is writable");
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace attnbench
