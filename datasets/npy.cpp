#include "datasets/npy.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// The dict as it is written.
struct Dict {
  std::string descr;
  bool fortran_order = false;
  std::vector<std::int64_t> shape;
};

/// Reads the header's Python dict literal: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }. Members return nothing
/// when the text is not what they read.
class DictParser {
 public:
  explicit DictParser(std::string_view text) : text_(text) {}

  std::optional<Dict> parse() {
    Dict dict;
    bool descr = false, order = false, shape = false;
    if (!take('{')) return std::nullopt;
    while (!take('}')) {
      const auto key = string();
      if (!key || !take(':')) return std::nullopt;
      if (*key == "descr" && !descr) descr = set(dict.descr, string());
      else if (*key == "fortran_order" && !order) order = set(dict.fortran_order, boolean());
      else if (*key == "shape" && !shape) shape = set(dict.shape, tuple());
      else return std::nullopt;
      if (!take(',') && !peek('}')) return std::nullopt;
    }
    skip_space();
    if (!text_.empty() || !descr || !order || !shape) return std::nullopt;
    return dict;
  }

 private:
  template <class T>
  static bool set(T& field, std::optional<T> value) {
    if (value) field = std::move(*value);
    return value.has_value();
  }
  void skip_space() { text_.remove_prefix(std::min(text_.find_first_not_of(" \n\t"), text_.size())); }
  bool peek(char c) {
    skip_space();
    return !text_.empty() && text_.front() == c;
  }
  bool take(char c) {
    if (!peek(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  std::optional<std::string> string() {
    const char quote = peek('"') ? '"' : '\'';
    if (!take(quote)) return std::nullopt;
    const auto end = text_.find(quote);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string value(text_.substr(0, end));
    text_.remove_prefix(end + 1);
    return value;
  }
  std::optional<bool> boolean() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return word == "True";
    }
    return std::nullopt;
  }
  std::optional<std::vector<std::int64_t>> tuple() {
    std::vector<std::int64_t> values;
    if (!take('(')) return std::nullopt;
    while (!take(')')) {
      skip_space();
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
      if (error != std::errc{} || value < 0) return std::nullopt;
      text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
      if (text_.starts_with('L')) text_.remove_prefix(1);  // a long of Python 2: (2L, 3L)
      values.push_back(value);
      if (!take(',') && !peek(')')) return std::nullopt;
    }
    return values;
  }

  std::string_view text_;
};

DType element_type(const std::string& descr, const std::string& name) {
  constexpr std::pair<const char*, DType> kTypes[] = {{"|b1", DType::boolean}, {"|i1", DType::i8},  {"<i2", DType::i16},
                                                      {"<i4", DType::i32},     {"<i8", DType::i64}, {"|u1", DType::u8},
                                                      {"<u2", DType::u16},     {"<u4", DType::u32}, {"<u8", DType::u64},
                                                      {"<f2", DType::f16},     {"<f4", DType::f32}, {"<f8", DType::f64}};
  for (const auto& [known, type] : kTypes)
    if (descr == known) return type;
  throw UserError(name + " has element type " + in_quotes(descr) +
                  "; save it as little-endian float16, float32 or float64, such as with .astype('<f4'), or a mask as bool");
}

std::string_view as_text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The dict between the preamble and the data, and where the data begins. Preamble: magic, major, minor, then the length of the
// dict in 2 bytes (version 1) or 4 (versions 2 and 3).
std::pair<std::string_view, std::size_t> header_text(std::string_view file, const std::string& name) {
  if (!file.starts_with(kMagic))
    throw UserError(name + " is not an .npy file (its first bytes are not \\x93NUMPY); save it with numpy.save");
  const int major = file.size() > 6 ? file[6] : 1;
  if (major < 1 || major > 3)
    throw UserError(name + " has .npy format version " + std::to_string(major) + "; versions 1 to 3 are read");
  const std::size_t preamble = major == 1 ? 10 : 12;
  std::size_t length = 0;
  if (file.size() >= preamble)
    for (std::size_t i = preamble; i-- > 8;) length = length << 8 | static_cast<unsigned char>(file[i]);
  if (file.size() < preamble || length > file.size() - preamble)
    throw UserError(name + " is truncated inside its header (" + std::to_string(file.size()) + " bytes in all); save it again");
  return {file.substr(preamble, length), preamble + length};
}

// Copies a Fortran-ordered array (first axis fastest) into C order.
Bytes c_order(std::span<const std::byte> from, const std::vector<std::int64_t>& shape, std::size_t size) {
  auto to = std::make_shared<std::vector<std::byte>>(from.size());
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::size_t element = 0; element * size < from.size(); ++element) {
    std::size_t flat = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
      flat = flat * static_cast<std::size_t>(shape[axis]) + static_cast<std::size_t>(index[axis]);
    std::memcpy(to->data() + flat * size, from.data() + element * size, size);
    for (std::size_t axis = 0; axis < shape.size() && ++index[axis] == shape[axis]; ++axis) index[axis] = 0;
  }
  return {*to, to};
}

// Magic, version 1.0 and the dict padded with spaces so that the data start at a multiple of 64 bytes, as numpy writes it.
std::string make_header(const char* descr, std::span<const std::int64_t> shape) {
  std::string dict = std::string("{'descr': '") + descr + "', 'fortran_order': False, 'shape': (";
  for (std::size_t i = 0; i < shape.size(); ++i) dict += (i ? ", " : "") + std::to_string(shape[i]);
  dict += shape.size() == 1 ? ",), }" : "), }";
  constexpr std::size_t kPreamble = 10;
  dict.append(63 - (kPreamble + dict.size()) % 64, ' ');
  dict += '\n';
  std::string header(kMagic);
  header += {'\x01', '\x00', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  return header + dict;
}

void write_array(const std::string& path, const std::string& header, std::span<const std::byte> data) {
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(header)), data};
  write_file(path, parts);
}

template <class T>
std::vector<T> densely(const TensorView<const T>& view) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(element_count(view.shape)));
  for (std::int64_t b = 0; b < view.batch(); ++b)
    for (std::int64_t h = 0; h < view.heads(); ++h)
      for (std::int64_t i = 0; i < view.rows(); ++i) values.insert(values.end(), view.row(b, h, i), view.row(b, h, i) + view.dim());
  return values;
}

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> beginning, const std::string& name) {
  const auto [text, begin] = header_text(as_text(beginning), name);
  const auto dict = DictParser(text).parse();
  if (!dict) throw UserError(name + " has a damaged .npy header " + in_quotes(text) + "; save it again with numpy.save");
  const auto type = element_type(dict->descr, name);
  const auto size = byte_size(dict->shape, type);
  if (!size) throw UserError(name + " declares the impossible shape " + shape_text(dict->shape) + "; save it again");
  return {dict->shape, type, dict->fortran_order, begin, *size};
}

StoredArray open_npy(const InputFile& file, const std::string& name) {
  const auto header = parse_npy_header(file.read(0, std::min(file.size(), kLongestNpyHeader)).data, name);
  const auto held = file.size() - header.begin;
  if (header.data_bytes != held)
    throw UserError(name + " declares shape " + shape_text(header.shape) + " of " + info_of(header.type).numpy_name + ", " +
                    std::to_string(header.data_bytes) + " bytes, but holds " + std::to_string(held) + "; save it again");
  const auto load = [file, header] {
    Array array{header.shape, header.type, file.read(header.begin, header.data_bytes)};
    if (header.fortran_order && header.shape.size() > 1)
      array.bytes = c_order(array.bytes.data, array.shape, element_size(array.type));
    return array;
  };
  return {header.shape, header.type, load};
}

void write_npy(const std::string& path, std::span<const std::int64_t> shape, std::span<const float> values) {
  write_array(path, make_header("<f4", shape), std::as_bytes(values));
}

void write_npy(const std::string& path, std::span<const std::int64_t> shape, std::span<const double> values) {
  write_array(path, make_header("<f8", shape), std::as_bytes(values));
}

void write_npy(const std::string& path, const TensorRef& tensor) {
  if (tensor.dtype == DType::f32) return write_npy(path, tensor.shape, densely(tensor.as<const float>()));
  write_array(path, make_header("|b1", tensor.shape),
              std::as_bytes(std::span<const std::uint8_t>(densely(tensor.as<const std::uint8_t>()))));
}

}  // namespace attnbench
