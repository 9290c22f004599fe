#include "datasets/locations.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "datasets/files.h"
#include "datasets/random.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

// A cache file: this header, then `count` float32.
struct CacheHeader {
  char magic[8];
  std::uint64_t key;  // of what the values were made from
  std::uint64_t count;
  std::uint64_t checksum;  // FNV-1a of the values
};
constexpr char kMagic[8] = {'A', 'B', 'C', 'A', 'C', 'H', 'E', '1'};

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

std::uint64_t checksum(const void* values, std::size_t count) {
  return fnv1a({static_cast<const char*>(values), count * sizeof(float)});
}

}  // namespace

std::string shipped_file(const std::string& name) {
  std::error_code error;
  const auto given = environment("ATTNBENCH_DATA");
  const auto binary = fs::read_symlink("/proc/self/exe", error);
  const fs::path installed = binary.parent_path() / "../share/attnbench/datasets/data";
  for (const auto& folder : given.empty() ? std::vector<fs::path>{installed, ATTNBENCH_SOURCE_DATA} : std::vector<fs::path>{given})
    if (fs::is_regular_file(folder / name, error)) return (folder / name).lexically_normal().string();
  throw UserError("the shipped file '" + name + "' is not in " +
                  in_quotes(given.empty() ? installed.lexically_normal().string() : given) +
                  "; set ATTNBENCH_DATA to the folder that holds it");
}

std::string cache_folder() {
  if (const auto own = environment("ATTNBENCH_CACHE"); !own.empty()) return own;
  if (const auto xdg = environment("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/attnbench";
  const auto home = environment("HOME");
  return home.empty() ? "" : home + "/.cache/attnbench";
}

std::optional<std::vector<float>> read_cache(const std::string& name, std::uint64_t key, std::size_t count) {
  const auto folder = cache_folder();
  if (folder.empty()) return std::nullopt;
  try {
    const auto file = InputFile(folder + "/" + name).read_all();
    CacheHeader header;
    if (file.data.size() != sizeof header + count * sizeof(float)) return std::nullopt;
    std::memcpy(&header, file.data.data(), sizeof header);
    std::vector<float> values(count);
    std::memcpy(values.data(), file.data.data() + sizeof header, count * sizeof(float));
    const bool good = std::memcmp(header.magic, kMagic, sizeof kMagic) == 0 && header.key == key && header.count == count &&
                      header.checksum == checksum(values.data(), count);
    return good ? std::optional(std::move(values)) : std::nullopt;
  } catch (const UserError&) {  // not cached yet
    return std::nullopt;
  }
}

void write_cache(const std::string& name, std::uint64_t key, const std::vector<float>& values) {
  const auto folder = cache_folder();
  if (folder.empty()) return;
  CacheHeader header{{}, key, values.size(), checksum(values.data(), values.size())};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(&header, 1)), std::as_bytes(std::span(values))};
  std::error_code error;
  fs::create_directories(folder, error);
  try {
    write_file(folder + "/" + name, parts);
  } catch (const UserError&) {  // documented: no cache is no error
  }
}

}  // namespace attnbench
