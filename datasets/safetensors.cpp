// .safetensors: 8 bytes of header length, a JSON header {"name": {"dtype", "shape", "data_offsets": [begin, end]}, ...}, the data.
// https://github.com/huggingface/safetensors, "Format"; its rules against abuse are enforced here as its own reader does.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "datasets/named_arrays.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLongestHeader = 100'000'000;
constexpr int kDeepest = 3;  // header, tensor, its shape

struct Reader {
  const InputFile& file;
  const std::string& name;

  [[noreturn]] void damaged(const std::string& what) const {
    throw UserError(name + " is not a valid .safetensors file: " + what + "; save it again with safetensors.save_file");
  }
};

std::uint64_t header_length(const Reader& reader) {
  const auto size = reader.file.size();
  std::uint64_t length = 0;
  if (size < sizeof length) reader.damaged("it has only " + std::to_string(size) + " bytes");
  std::memcpy(&length, reader.file.read(0, sizeof length).data.data(), sizeof length);
  if (length > std::min<std::uint64_t>(kLongestHeader, size - sizeof length))
    reader.damaged("its header claims " + std::to_string(length) + " bytes");
  return length;
}

// Two rules of the reference reader that nlohmann's parser does not know: the header begins with '{' (the parser skips white space
// and a byte order mark), and a NUL is no end of the text but a character that JSON does not allow.
void require_plain_text(const Reader& reader, std::string_view text) {
  if (text.empty() || text.front() != '{')
    reader.damaged("its header is not a JSON object" + (text.empty()
                                                            ? std::string(": it is empty")
                                                            : " that begins with '{' but with " + in_quotes(text.substr(0, 1))));
  const auto nul = text.find('\0');
  if (nul != std::string_view::npos)
    reader.damaged("byte " + std::to_string(sizeof(std::uint64_t) + nul) + ", in its header, is NUL; pad the header with spaces");
}

// Parses the header, refusing repeated keys (JSON readers differ on which one wins) and deep nesting.
Json parse_header(const Reader& reader, std::string_view text) {
  require_plain_text(reader, text);
  std::vector<std::set<std::string>> keys;
  std::string fault;
  const auto check = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth > kDeepest) fault = "its header is nested too deeply";
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end && !keys.empty()) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second)
      fault = "it holds " + in_quotes(value.get<std::string>()) + " twice";
    return fault.empty();
  };
  const auto header = Json::parse(text, check, false);
  if (!fault.empty()) reader.damaged(fault);
  if (!header.is_object()) reader.damaged("its header is not a JSON object");
  return header;
}

std::optional<DType> element_type(const std::string& dtype) {
  constexpr std::pair<const char*, DType> kTypes[] = {
      {"F64", DType::f64}, {"F32", DType::f32}, {"F16", DType::f16},     {"BF16", DType::bf16}, {"I64", DType::i64},
      {"I32", DType::i32}, {"I16", DType::i16}, {"I8", DType::i8},       {"U64", DType::u64},   {"U32", DType::u32},
      {"U16", DType::u16}, {"U8", DType::u8},   {"BOOL", DType::boolean}};
  for (const auto& [known, type] : kTypes)
    if (dtype == known) return type;
  return std::nullopt;
}

// One entry of the header, with the types of its fields checked.
struct Entry {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

// A list of whole numbers in [0, 2^53], or nothing.
std::optional<std::vector<std::int64_t>> whole_numbers(const Json& entry, const char* field) {
  const auto found = entry.find(field);
  if (found == entry.end() || !found->is_array()) return std::nullopt;
  std::vector<std::int64_t> numbers;
  for (const auto& number : *found) {
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() > (std::uint64_t{1} << 53)) return std::nullopt;
    numbers.push_back(number.get<std::int64_t>());
  }
  return numbers;
}

Entry parse_entry(const Reader& reader, const std::string& name, const Json& entry, std::uint64_t data_size) {
  if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string())
    reader.damaged(in_quotes(name) + " has no dtype");
  const auto shape = whole_numbers(entry, "shape");
  if (!shape) reader.damaged(in_quotes(name) + " has no valid shape");
  const auto offsets = whole_numbers(entry, "data_offsets");
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1] || static_cast<std::uint64_t>((*offsets)[1]) > data_size)
    reader.damaged(in_quotes(name) + " has data_offsets outside the file");
  return {name, entry["dtype"], *shape, static_cast<std::uint64_t>((*offsets)[0]), static_cast<std::uint64_t>((*offsets)[1])};
}

std::vector<Entry> parse_entries(const Reader& reader, const Json& header, std::uint64_t data_size) {
  std::vector<Entry> entries;
  for (const auto& [name, entry] : header.items())
    if (name != "__metadata__") entries.push_back(parse_entry(reader, name, entry, data_size));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t covered = 0;
  for (const auto& entry : entries) {
    if (entry.begin != covered) reader.damaged(in_quotes(entry.name) + " overlaps another tensor or leaves a hole");
    covered = entry.end;
  }
  if (covered != data_size)
    reader.damaged("it holds " + std::to_string(data_size) + " bytes of data where its header says " + std::to_string(covered));
  return entries;
}

StoredArray open_entry(const Reader& reader, const Entry& entry, std::uint64_t data_begin) {
  const auto type = element_type(entry.dtype);
  if (!type)
    throw UserError(in_quotes(entry.name) + " in " + reader.name + " has dtype " + in_quotes(entry.dtype) +
                    "; save it as F32, F64, F16 or BF16");
  const auto size = byte_size(entry.shape, *type);
  if (!size || *size != entry.end - entry.begin)
    reader.damaged(in_quotes(entry.name) + " of shape " + shape_text(entry.shape) + " holds " +
                   std::to_string(entry.end - entry.begin) + " bytes");
  const auto load = [file = reader.file, shape = entry.shape, type = *type, begin = data_begin + entry.begin, size = *size] {
    return Array{shape, type, file.read(begin, size)};
  };
  return {entry.shape, *type, load};
}

}  // namespace

Container open_safetensors(const InputFile& file, const std::string& name, const Wanted& wanted) {
  const Reader reader{file, name};
  const auto length = header_length(reader);
  const auto header = file.read(sizeof length, length);
  const std::string_view text(reinterpret_cast<const char*>(header.data.data()), length);
  const auto data_begin = sizeof length + length;
  Container container;
  for (const auto& entry : parse_entries(reader, parse_header(reader, text), file.size() - data_begin)) {
    container.names.push_back(entry.name);
    if (wanted(entry.name)) container.arrays.push_back({entry.name, open_entry(reader, entry, data_begin)});
  }
  return container;
}

}  // namespace attnbench
