// NumPy's .npy files.
#include <algorithm>

#include "datasets/npy.h"
#include "tests/fuzz/arrays.h"

using namespace attnbench;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::as_file(data, size);
  const auto array = fuzz::accepted([&] { return parse_npy(file, "fuzz.npy"); });
  const auto declared = fuzz::accepted(
      [&] { return parse_npy_header(file.data.first(std::min<std::size_t>(size, kLongestNpyHeader)), "fuzz.npy").file_size(); });
  if (!array) return 0;
  fuzz::require(declared == size, "an accepted file has the size that its header declares");
  fuzz::check(*array);
  return 0;
}
