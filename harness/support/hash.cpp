#include "harness/support/hash.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "datasets/random.h"
#include "variants/api/error.h"

namespace attnbench {

std::string fingerprint(std::string_view bytes) { return fmt::format("{:016x}", fnv1a(bytes)); }

std::string binary_id(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError("cannot read the binary " + path + "; start attnbench by a path that exists");
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return fingerprint(bytes.view());
}

}  // namespace attnbench
