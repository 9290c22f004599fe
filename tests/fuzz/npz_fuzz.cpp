// NumPy's .npz archives. Noise hardly ever gets past a checksum, so every input is also tried with its checksums mended: what a
// malicious writer would send.
#include <zlib.h>

#include <cstring>

#include "tests/fuzz/arrays.h"

using namespace attnbench;

namespace {

constexpr std::size_t kLargest = 1 << 20;  // of an inflated member

template <class T>
T load(const std::vector<std::byte>& file, std::size_t at) {
  T value{};
  if (at <= file.size() && sizeof value <= file.size() - at) std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

std::vector<std::byte> inflate_member(std::span<const std::byte> packed) {
  std::vector<std::byte> whole(kLargest);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(whole.data());
  stream.avail_out = static_cast<uInt>(whole.size());
  inflate(&stream, Z_FINISH);
  whole.resize(stream.total_out);
  inflateEnd(&stream);
  return whole;
}

// Writes the right CRC into the directory entry at `entry` (offsets: PKWARE APPNOTE 4.3.7 and 4.3.12), where its data lie in the
// file.
void mend_entry(std::vector<std::byte>& file, std::size_t entry) {
  const auto method = load<std::uint16_t>(file, entry + 10);
  const std::size_t size = load<std::uint32_t>(file, entry + 20), header = load<std::uint32_t>(file, entry + 42);
  const auto data = header + 30 + load<std::uint16_t>(file, header + 26) + load<std::uint16_t>(file, header + 28);
  if (data > file.size() || size > file.size() - data || entry + 20 > file.size()) return;
  std::vector<std::byte> content(file.begin() + static_cast<std::ptrdiff_t>(data),
                                 file.begin() + static_cast<std::ptrdiff_t>(data + size));
  if (method == 8) content = inflate_member(content);
  const auto crc = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
  std::memcpy(file.data() + entry + 16, &crc, sizeof crc);
}

Bytes with_mended_checksums(const Bytes& input) {
  const auto file = std::make_shared<std::vector<std::byte>>(input.data.begin(), input.data.end());
  for (std::size_t at = 0; at + 4 <= file->size(); ++at)
    if (load<std::uint32_t>(*file, at) == 0x02014b50) mend_entry(*file, at);
  return {*file, file};
}

void read(const Bytes& file) {
  const auto all = fuzz::accepted([&] { return open_npz(InputFile(file), "fuzz.npz", [](std::string_view) { return true; }); });
  const auto names = fuzz::accepted([&] { return open_npz(InputFile(file), "fuzz.npz", [](std::string_view) { return false; }); });
  if (!all) return;
  fuzz::require(names && names->names == all->names && names->arrays.empty(), "names do not depend on what is wanted");
  fuzz::check(*all);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = fuzz::as_file(data, size);
  read(file);
  read(with_mended_checksums(file));
  return 0;
}
