// .npz: just enough ZIP (PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3) to read what numpy.savez and savez_compressed write.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "datasets/named_arrays.h"
#include "datasets/npy.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint32_t kIn64Bit = 0xffffffff;  // the value is in the ZIP64 extra field

struct Member {
  std::string name;
  std::uint16_t flags, method;
  std::uint32_t crc;
  std::uint64_t compressed, uncompressed, local_header;
};

// The archive's bytes with bounds-checked little-endian reads.
class Archive {
 public:
  Archive(const InputFile& file, const std::string& name) : file_(file), name_(name) {}

  [[noreturn]] void damaged(const std::string& what) const {
    throw UserError(name_ + " is a damaged .npz file: " + what + "; save it again with numpy.savez");
  }

  // A part of the archive, valid as long as what is returned.
  Bytes slice(std::uint64_t at, std::uint64_t size, const char* what) const {
    if (at > file_.size() || size > file_.size() - at) damaged(std::string(what) + " lies outside the file");
    constexpr std::uint64_t kBlock = 1u << 16;  // fields are small and lie close together
    if (size > kBlock) return file_.read(at, size);
    if (at < block_at_ || at + size > block_at_ + block_.data.size()) {
      block_ = file_.read(at, std::min(kBlock, file_.size() - at));
      block_at_ = at;
    }
    return {block_.data.subspan(at - block_at_, size), block_.owner};
  }
  template <class T>
  T read(std::uint64_t at, const char* what) const {
    T value;
    std::memcpy(&value, slice(at, sizeof value, what).data.data(), sizeof value);
    return value;
  }
  bool has_signature(std::uint64_t at, std::uint32_t signature) const {
    return at + 4 <= size() && read<std::uint32_t>(at, "a signature") == signature;
  }
  std::uint64_t size() const { return file_.size(); }
  const std::string& name() const { return name_; }

 private:
  InputFile file_;
  std::string name_;
  mutable Bytes block_;  // the last that was read
  mutable std::uint64_t block_at_ = 0;
};

// The end-of-central-directory record is last but for a comment of at most 65535 bytes.
std::uint64_t find_directory_end(const Archive& zip) {
  constexpr std::uint64_t kRecord = 22, kLongestComment = 65535;
  const auto tail = std::min(zip.size(), kRecord + kLongestComment);
  const auto bytes = zip.slice(zip.size() - tail, tail, "the end record").data;
  constexpr std::array<char, 4> kSignature{'P', 'K', 5, 6};
  for (std::uint64_t back = kRecord; back <= tail; ++back) {
    const auto at = zip.size() - back;
    if (std::memcmp(bytes.data() + (tail - back), kSignature.data(), kSignature.size()) == 0 &&
        zip.read<std::uint16_t>(at + 20, "the comment") == back - kRecord)
      return at;
  }
  zip.damaged("it has no end record (truncated, or no .npz at all)");
}

struct Directory {
  std::uint64_t entries, offset;
};

Directory find_directory(const Archive& zip) {
  const auto end = find_directory_end(zip);
  if (end >= 20 && zip.has_signature(end - 20, 0x07064b50)) {  // ZIP64 locator, then its record
    const auto record = zip.read<std::uint64_t>(end - 20 + 8, "the ZIP64 locator");
    if (record > zip.size() || !zip.has_signature(record, 0x06064b50)) zip.damaged("its ZIP64 end record is missing");
    return {zip.read<std::uint64_t>(record + 32, "the ZIP64 record"), zip.read<std::uint64_t>(record + 48, "the ZIP64 record")};
  }
  return {zip.read<std::uint16_t>(end + 10, "the end record"), zip.read<std::uint32_t>(end + 16, "the end record")};
}

// Replaces sizes and offset that do not fit 32 bits by those of the ZIP64 extra field (id 1), which lists only these, in this
// order.
void read_zip64(const Archive& zip, std::uint64_t at, std::uint64_t end, Member& member) {
  while (at + 4 <= end && zip.read<std::uint16_t>(at, "an extra field") != 1)
    at += 4u + zip.read<std::uint16_t>(at + 2, "an extra field");
  if (at + 4 > end) return;
  at += 4;
  for (auto* value : {&member.uncompressed, &member.compressed, &member.local_header}) {
    if (*value != kIn64Bit || at + 8 > end) continue;
    *value = zip.read<std::uint64_t>(at, "a ZIP64 field");
    at += 8;
  }
}

std::vector<Member> list_members(const Archive& zip) {
  constexpr const char* kWhat = "a directory entry";
  const auto directory = find_directory(zip);
  std::vector<Member> members;
  std::uint64_t at = directory.offset;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (at > zip.size() || !zip.has_signature(at, 0x02014b50)) zip.damaged("its directory is cut short");
    const auto name_size = zip.read<std::uint16_t>(at + 28, kWhat), extra_size = zip.read<std::uint16_t>(at + 30, kWhat);
    const auto name = zip.slice(at + 46, name_size, "a member's name");
    Member member{std::string(reinterpret_cast<const char*>(name.data.data()), name.data.size()),
                  zip.read<std::uint16_t>(at + 8, kWhat),
                  zip.read<std::uint16_t>(at + 10, kWhat),
                  zip.read<std::uint32_t>(at + 16, kWhat),
                  zip.read<std::uint32_t>(at + 20, kWhat),
                  zip.read<std::uint32_t>(at + 24, kWhat),
                  zip.read<std::uint32_t>(at + 42, kWhat)};
    read_zip64(zip, at + 46 + name_size, at + 46 + name_size + extra_size, member);
    members.push_back(std::move(member));
    at += 46u + name_size + extra_size + zip.read<std::uint16_t>(at + 32, kWhat);
  }
  return members;
}

// Inflates exactly `size` bytes from the start of a raw deflate stream; false when the stream holds fewer or is damaged. With
// `whole` the stream must end there.
bool inflate_bytes(std::span<const std::byte> from, std::span<std::byte> to, bool whole) {
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
  std::size_t read = 0, written = 0;
  int status = Z_OK;
  while (status == Z_OK && (written < to.size() || whole)) {
    constexpr std::size_t kStep = 1u << 30;  // zlib counts in 32 bits
    Bytef overflow;
    const bool full = written == to.size();  // one spare byte lets the end of the stream be seen
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data() + read));
    stream.avail_in = static_cast<uInt>(std::min(kStep, from.size() - read));
    stream.next_out = full ? &overflow : reinterpret_cast<Bytef*>(to.data() + written);
    stream.avail_out = full ? 1 : static_cast<uInt>(std::min(kStep, to.size() - written));
    const auto in = stream.avail_in, out = stream.avail_out;
    status = inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += out - stream.avail_out;
    if (written > to.size() || (in == stream.avail_in && out == stream.avail_out)) break;
  }
  inflateEnd(&stream);
  return written == to.size() && (whole ? status == Z_STREAM_END && read == from.size() : true);
}

std::uint32_t crc_of(std::span<const std::byte> data) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()));
}

// A member and where its compressed data lie.
struct Located {
  Member member;
  std::string label;
  std::uint64_t data = 0;
};

Located locate(const Archive& zip, const Member& member) {
  const auto label = in_quotes(member.name) + " in " + zip.name();
  if (member.flags & 1) throw UserError(label + " is encrypted; save it without a password");
  if (!zip.has_signature(member.local_header, 0x04034b50)) zip.damaged(label + " has no local header");
  const auto data = member.local_header + 30u + zip.read<std::uint16_t>(member.local_header + 26, "a local header") +
                    zip.read<std::uint16_t>(member.local_header + 28, "a local header");
  zip.slice(data, 0, "a member's data");
  if (member.compressed > zip.size() - data) zip.damaged("a member's data lies outside the file");
  if (member.method != kStored && member.method != kDeflated)
    throw UserError(label + " uses ZIP compression method " + std::to_string(member.method) +
                    "; save it with numpy.savez or savez_compressed");
  if (member.method == kStored && member.compressed != member.uncompressed) zip.damaged(label + " has two different sizes");
  return {member, label, data};
}

// The first `size` bytes of a member. Only as much is read as deflate can need for them: its stored blocks add 5 bytes to 65535.
std::vector<std::byte> beginning_of(const Archive& zip, const Located& at, std::uint64_t size) {
  std::vector<std::byte> bytes(size);
  if (at.member.method == kStored) {
    const auto held = zip.slice(at.data, size, "a member's data");
    std::copy(held.data.begin(), held.data.end(), bytes.begin());
    return bytes;
  }
  const auto packed = zip.slice(at.data, std::min(at.member.compressed, 2 * kLongestNpyHeader), "a member's data");
  if (!inflate_bytes(packed.data, bytes, false)) zip.damaged(at.label + " does not inflate to its size");
  return bytes;
}

Bytes contents_of(const Archive& zip, const Located& at) {
  auto packed = zip.slice(at.data, at.member.compressed, "a member's data");
  if (at.member.method == kStored) return packed;
  const auto buffer = buffer_for(at.label, at.member.uncompressed);
  const std::span<std::byte> whole(buffer.get(), at.member.uncompressed);
  if (!inflate_bytes(packed.data, whole, true)) zip.damaged(at.label + " does not inflate to its size");
  return {whole, buffer};
}

// The member's .npy header must declare exactly the size that the directory promises, and deflate must be able to reach it, so that
// no lie in the directory alone makes us allocate.
StoredArray open_member(const Archive& zip, const Member& member) {
  constexpr std::uint64_t kBestRatio = 1032;  // of deflate (zlib technical details)
  const auto at = locate(zip, member);
  if (member.method == kDeflated && member.uncompressed / kBestRatio > member.compressed)
    zip.damaged(at.label + " claims more than its data can hold");
  const auto header = parse_npy_header(beginning_of(zip, at, std::min(kLongestNpyHeader, member.uncompressed)), at.label);
  if (header.file_size() != member.uncompressed)
    zip.damaged(at.label + " declares shape " + shape_text(header.shape) + ", " + std::to_string(header.file_size()) +
                " bytes, and promises " + std::to_string(member.uncompressed));
  const auto load = [zip, at] {
    const auto npy = contents_of(zip, at);
    if (crc_of(npy.data) != at.member.crc) zip.damaged(at.label + " fails its CRC check");
    return parse_npy(npy, at.label);
  };
  return {header.shape, header.type, load};
}

}  // namespace

Container open_npz(const InputFile& file, const std::string& name, const Wanted& wanted) {
  const Archive zip(file, name);
  Container container;
  std::set<std::string> seen;
  for (const auto& member : list_members(zip)) {
    if (!member.name.ends_with(".npy")) continue;
    const auto array_name = member.name.substr(0, member.name.size() - 4);
    if (!seen.insert(array_name).second) throw UserError(name + " holds " + in_quotes(array_name) + " twice; save it again");
    container.names.push_back(array_name);
    if (wanted(array_name)) container.arrays.push_back({array_name, open_member(zip, member)});
  }
  return container;
}

}  // namespace attnbench
