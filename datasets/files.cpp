#include "datasets/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <new>
#include <random>

#include "datasets/utf8.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path, const std::string& remedy) {
  throw UserError("cannot " + what + " " + in_quotes(path) + ": " + std::strerror(errno) + "; " + remedy);
}

class OwnedDescriptor {
 public:
  explicit OwnedDescriptor(int opened) : fd(opened) {}
  ~OwnedDescriptor() {
    if (fd >= 0) ::close(fd);
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
  const int fd;
};

// Removes the file at the end of its life unless it was given its final name.
struct TemporaryFile {
  std::string path;
  ~TemporaryFile() {
    if (!path.empty()) ::unlink(path.c_str());
  }
};

constexpr const char* kWriteRemedy = "name a file in a folder that exists and is writable";

void write_all(int fd, std::span<const std::byte> part, const std::string& path) {
  while (!part.empty()) {
    const auto written = ::write(fd, part.data(), part.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path, "free some space or name another file");
    part = part.subspan(static_cast<std::size_t>(written));
  }
}

using Parts = std::span<const std::span<const std::byte>>;

void write_parts(int fd, Parts parts, const std::string& path) {
  const OwnedDescriptor file(fd);
  if (file.fd < 0) fail("write", path, kWriteRemedy);
  for (const auto part : parts) write_all(file.fd, part, path);
}

// Devices, pipes, and descriptors that are open already, such as /dev/stdout: behind them may be a regular file.
bool is_written_into(const std::string& path) {
  struct stat info {};
  for (const char* descriptor : {"/dev/std", "/dev/fd/", "/proc/"})
    if (path.starts_with(descriptor)) return true;
  return ::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

// Creates a file with an unpredictable name in the folder of the target, and never follows an existing link. Returns its
// descriptor, or -1 on failure.
int create_beside(const std::string& target, TemporaryFile& temporary) {
  std::random_device random;
  for (int attempt = 0; attempt < 100; ++attempt) {
    const auto path = target + ".tmp-" + std::to_string(random());
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0) temporary.path = path;
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}

}  // namespace

struct InputFile::Descriptor : OwnedDescriptor {
  using OwnedDescriptor::OwnedDescriptor;
};

InputFile::InputFile(const std::string& path)
    : path_(path), descriptor_(std::make_shared<Descriptor>(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))) {
  if (descriptor_->fd < 0) fail("read", path, "check the name and its permissions");
  struct stat info {};
  if (::fstat(descriptor_->fd, &info) != 0) fail("read", path, "check the file");
  if (!S_ISREG(info.st_mode)) throw UserError("cannot read " + in_quotes(path) + ": it is not a regular file; name a file");
  size_ = static_cast<std::uint64_t>(info.st_size);
}

InputFile::InputFile(const Bytes& memory) : size_(memory.data.size()), memory_(memory) {}

Bytes InputFile::read(std::uint64_t at, std::uint64_t size) const {
  assert(at <= size_ && size <= size_ - at);
  if (!descriptor_) return {memory_.data.subspan(at, size), memory_.owner};
  const auto buffer = buffer_for(in_quotes(path_), size);
  constexpr std::uint64_t kStep = std::uint64_t{1} << 30;  // Linux reads at most 2^31 - 4096 bytes at once
  for (std::uint64_t have = 0; have < size;) {
    const auto count = ::pread(descriptor_->fd, buffer.get() + have, std::min(kStep, size - have), static_cast<off_t>(at + have));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("read", path_, "check the file and its disk");
    if (count == 0)
      throw UserError(in_quotes(path_) + " was truncated while it was being read: it had " + std::to_string(size_) +
                      " bytes and ends before byte " + std::to_string(at + size) + "; try again when it is whole");
    have += static_cast<std::uint64_t>(count);
  }
  return {{buffer.get(), size}, buffer};
}

std::shared_ptr<std::byte[]> buffer_for(const std::string& what, std::uint64_t size) try {
  return std::shared_ptr<std::byte[]>(new std::byte[size]);
} catch (const std::bad_alloc&) {
  throw UserError(what + " takes " + std::to_string(size) + " bytes, more than there is memory for; give a smaller array");
}

void write_file(const std::string& path, std::span<const std::span<const std::byte>> parts) {
  namespace fs = std::filesystem;
  if (is_written_into(path)) return write_parts(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC), parts, path);
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error) : fs::path(path);
  if (target.empty() || fs::is_directory(target, error)) {
    errno = target.empty() ? ENOENT : EISDIR;
    fail("write", path, kWriteRemedy);
  }
  TemporaryFile temporary;
  write_parts(create_beside(target.string(), temporary), parts, path);
  if (::rename(temporary.path.c_str(), target.c_str()) != 0) fail("write", path, kWriteRemedy);
  temporary.path.clear();
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kLongest = 200;
  const bool cut = text.size() > kLongest;
  text = text.substr(0, kLongest);
  std::string safe = "'";
  while (!text.empty()) {
    const auto decoded = decode_utf8(text);
    for (const char32_t c : decoded.text) append_utf8(safe, c < 0x20 || (c >= 0x7f && c < 0xa0) ? U'?' : c);
    text.remove_prefix(decoded.valid_bytes);
    if (text.empty()) break;
    safe += '?';
    text.remove_prefix(1);
  }
  return safe + (cut ? "...'" : "'");
}

}  // namespace attnbench
