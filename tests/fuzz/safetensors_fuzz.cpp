// Hugging Face's .safetensors files.
#include "tests/fuzz/arrays.h"

using namespace attnbench;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::as_file(data, size);
  const auto read = [&](bool everything) {
    return fuzz::accepted(
        [&] { return open_safetensors(InputFile(file), "fuzz.safetensors", [&](std::string_view) { return everything; }); });
  };
  const auto all = read(true), names = read(false);
  if (!all) return 0;
  fuzz::require(names && names->names == all->names && names->arrays.empty(), "names do not depend on what is wanted");
  fuzz::check(*all);
  std::size_t bytes = 0;
  for (const auto& [name, array] : all->arrays) bytes += array.load().bytes.data.size();
  fuzz::require(bytes < size, "the arrays share out the file and the header has a part of it");
  return 0;
}
