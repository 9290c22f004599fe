// Small helpers of the dataset tests: fixtures, files in memory, a temporary folder, the message of a refusal.
#pragma once

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "datasets/array.h"
#include "tests/catch.h"
#include "variants/api/error.h"

namespace attnbench {

/// Path of a file that tests/datasets/make_files.py made.
inline std::string fixture(const std::string& name) { return ATTNBENCH_SOURCE_DIR "/tests/datasets/files/" + name; }

inline std::string slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void spill(const std::string& path, std::string_view content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

/// Bytes in a buffer of exactly that size, so that the address sanitizer sees any read beyond it.
inline Bytes in_memory(std::string_view content) {
  std::shared_ptr<std::byte[]> buffer(new std::byte[content.size()]);
  if (!content.empty()) std::memcpy(buffer.get(), content.data(), content.size());
  return {{buffer.get(), content.size()}, buffer};
}

inline Array array_of(std::vector<std::int64_t> shape, const std::vector<float>& values) {
  return {std::move(shape), DType::f32, in_memory({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)})};
}

/// The message of the UserError that `action` throws, or "" when it throws none.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

/// Checks that a message mentions a text, showing it when it does not.
#define CHECK_MENTIONS(message, part)                 \
  do {                                                \
    const std::string mentioned = (message);          \
    INFO(mentioned);                                  \
    CHECK(mentioned.find(part) != std::string::npos); \
  } while (false)

/// A folder of its own, removed with everything in it at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "attnbench-XXXXXX").string();
    if (::mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace attnbench
