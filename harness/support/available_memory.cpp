#include "harness/support/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace attnbench {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// The number behind `name` in a file of "name value" lines; -1 when there is none.
double field(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  std::string word;
  for (double value; file >> word;) {
    if (word == name && file >> value) return value;
    file.clear();
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return -1;
}

// The number a file holds; -1 when it cannot be read or holds a word such as "max".
double number(const std::string& path) {
  std::ifstream file(path);
  double value = -1;
  return file >> value ? value : -1;
}

// What is left of one group's limit. Page cache counts as used there but is given back under pressure.
double left_in_group(const std::string& folder, const char* limit_file, const char* usage_file, const char* cache_field) {
  const double limit = number(folder + limit_file);
  if (limit < 0) return kNoLimit;
  const double used = number(folder + usage_file) - std::max(0.0, field(folder + "memory.stat", cache_field));
  return std::max(0.0, limit - std::max(0.0, used));
}

// The folder of this process below the mount of a hierarchy: the third column of the line that starts with `prefix` ("0::" is v2).
std::string group_path(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    if (line.substr(first + 1, second - first - 1) == controller) return line.substr(second + 1);
  }
  return "";
}

// The tightest limit from this process's group up to the root. Inside a container the path may lead nowhere; the root is then
// the container's own group.
double left_in_groups(const std::string& mount, const std::string& controller, const char* limit, const char* usage,
                      const char* cache) {
  double left = left_in_group(mount + "/", limit, usage, cache);
  for (std::string path = group_path(controller); path.size() > 1; path.resize(path.rfind('/')))
    left = std::min(left, left_in_group(mount + path + "/", limit, usage, cache));
  return left;
}

}  // namespace

double available_memory_bytes() {
  const double machine = 1024 * field("/proc/meminfo", "MemAvailable:");
  const double v2 = left_in_groups("/sys/fs/cgroup", "", "memory.max", "memory.current", "file");
  const double v1 =
      left_in_groups("/sys/fs/cgroup/memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache");
  return std::max(0.0, std::min({machine, v2, v1}));
}

}  // namespace attnbench
