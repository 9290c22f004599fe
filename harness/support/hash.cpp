#include "harness/support/hash.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "variants/api/error.h"

namespace attnbench {

std::string fingerprint(std::string_view bytes) {
  std::uint64_t hash = 14695981039346656037u;  // offset basis and prime of the 64-bit FNV-1a hash
  for (const char byte : bytes) hash = (hash ^ static_cast<unsigned char>(byte)) * 1099511628211u;
  return fmt::format("{:016x}", hash);
}

std::string binary_id(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read the binary " + path + "; start attnbench by a path that exists");
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return fingerprint(bytes.view());
}

}  // namespace attnbench
