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

void write_parts(const std::string& target, int flags, std::span<const std::span<const std::byte>> parts, const std::string& path) {
  const OwnedDescriptor file(::open(target.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666));
  if (file.fd < 0) fail("write", path, kWriteRemedy);
  for (const auto part : parts) write_all(file.fd, part, path);
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
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error) : fs::path(path);
  if (target.empty() || fs::is_directory(target, error)) {
    errno = target.empty() ? ENOENT : EISDIR;
    fail("write", path, kWriteRemedy);
  }
  if (fs::exists(target, error) && !fs::is_regular_file(target, error)) return write_parts(target, 0, parts, path);
  TemporaryFile temporary{target.string() + ".tmp-" + std::to_string(::getpid())};
  write_parts(temporary.path, O_CREAT | O_TRUNC, parts, path);
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
