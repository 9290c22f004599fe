#include "datasets/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "datasets/utf8.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

[[noreturn]] void fail(const std::string& what, const std::string& path, const std::string& remedy) {
  throw UserError("cannot " + what + " " + in_quotes(path) + ": " + std::strerror(errno) + "; " + remedy);
}

struct Descriptor {
  int fd = -1;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
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
  const Descriptor file{::open(target.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666)};
  if (file.fd < 0) fail("write", path, kWriteRemedy);
  for (const auto part : parts) write_all(file.fd, part, path);
}

}  // namespace

Bytes map_file(const std::string& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) fail("read", path, "check the name and its permissions");
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) fail("read", path, "check the file");
  if (!S_ISREG(info.st_mode)) throw UserError("cannot read " + in_quotes(path) + ": it is not a regular file; name a file");
  const auto size = static_cast<std::size_t>(info.st_size);
  if (size == 0) return {};
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (memory == MAP_FAILED) fail("map", path, "check the file and the memory limit");
  return {{static_cast<const std::byte*>(memory), size},
          std::shared_ptr<const void>(memory, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); })};
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
