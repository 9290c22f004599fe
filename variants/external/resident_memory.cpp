#include "variants/external/resident_memory.h"

#include <fstream>
#include <string>

namespace attnbench::external {
namespace {

// A line of /proc/self/status such as "VmRSS:   1234 kB", in bytes; 0 when it is not there.
std::uint64_t status_bytes(const std::string& field) {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line))
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1)) * 1024;
  return 0;
}

}  // namespace

std::uint64_t resident_bytes() { return status_bytes("VmRSS"); }
void reset_resident_peak() { std::ofstream("/proc/self/clear_refs") << 5; }
std::uint64_t resident_peak() { return status_bytes("VmHWM"); }

}  // namespace attnbench::external
