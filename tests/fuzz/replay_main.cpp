// Stands in for libFuzzer where there is none: runs every file of the folders it is given through the target, in name order.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;

// No file of the corpus is larger than some kilobytes: a header that talks a parser into more than this is a finding. (The
// libraries linked take 270 MB of it for buffers of their own.)
constexpr rlim_t kMemoryLimit = 1u << 30;

std::vector<fs::path> files_of(int count, char** folders) {
  std::vector<fs::path> files;
  for (int i = 0; i < count; ++i)
    for (const auto& entry : fs::directory_iterator(folders[i]))
      if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

void limit_memory() {
#ifndef ATTNBENCH_SANITIZED  // sanitizers reserve terabytes
  const rlimit limit{kMemoryLimit, kMemoryLimit};
  ::setrlimit(RLIMIT_DATA, &limit);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  limit_memory();
  const auto files = files_of(argc - 1, argv + 1);
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    std::fprintf(stderr, "%s\n", file.c_str());  // the last one named is the culprit
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%zu inputs\n", files.size());
  return files.empty() ? 1 : 0;
}
