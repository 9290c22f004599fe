// If these fail, arrays that numpy writes are misread, ours are unreadable to numpy, or a damaged file gets through or crashes us.
#include "datasets/npy.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "tests/catch.h"
#include "tests/datasets/support.h"
#include "variants/api/error.h"

using namespace attnbench;
namespace fs = std::filesystem;

namespace {

// An .npy file in memory, with whatever header is asked for.
Bytes npy(const std::string& dict, std::size_t data_bytes, char major = 1) {
  std::string file = "\x93NUMPY";
  file += {major, '\0', static_cast<char>(dict.size() & 0xff), static_cast<char>(dict.size() >> 8)};
  if (major > 1) file += {'\0', '\0'};
  return in_memory(file + dict + std::string(data_bytes, '\0'));
}

}  // namespace

TEST_CASE("npy files that numpy wrote are read to the bit") {
  // make_files.py fills every array with element i = i / 8 - 1, exact in all types.
  for (const char* file : {"f32.npy", "f64.npy", "f16.npy", "fortran.npy", "version2.npy"}) {
    CAPTURE(file);
    const auto array = read_npy(fixture(file));
    REQUIRE(array.shape == std::vector<std::int64_t>{2, 3, 4, 5});
    for (std::int64_t i = 0; i < array.count(); ++i) CHECK(array.at(i) == static_cast<double>(i) / 8 - 1);
    const auto tensor = to_tensor(array, file);
    CHECK(tensor.shape() == Shape{2, 3, 4, 5});
    CHECK(tensor.view().row(1, 2, 3)[4] == 119.0f / 8 - 1);
  }
}

TEST_CASE("boolean and additive masks keep their kind and their missing axes become 1") {
  const auto boolean = to_mask(read_npy(fixture("bool.npy")), {2, 5, 3, 4}, "mask");  // [3, 4], true where (row + column) % 3 == 0
  CHECK(boolean.dtype() == DType::u8);
  REQUIRE(boolean.shape() == Shape{1, 1, 3, 4});
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t j = 0; j < 4; ++j) CHECK(boolean.view<std::uint8_t>().row(0, 0, i)[j] == ((i + j) % 3 == 0));

  const auto additive =
      to_mask(read_npy(fixture("additive.npy")), {1, 2, 3, 4}, "mask");  // [2, 3, 4] of -i, with -inf at [1, 2, 3]
  CHECK(additive.dtype() == DType::f32);
  REQUIRE(additive.shape() == Shape{1, 2, 3, 4});
  CHECK(additive.view().row(0, 1, 0)[0] == -12.0f);
  CHECK(additive.view().row(0, 1, 2)[3] == -std::numeric_limits<float>::infinity());
}

TEST_CASE("NaN, infinity and bool are refused where numbers are due, by index") {
  const auto nan = std::numeric_limits<float>::quiet_NaN();
  const auto inf = std::numeric_limits<float>::infinity();
  CHECK(refusal([&] {
          to_tensor(array_of({2, 3}, {0, 1, 2, 3, nan, 5}), "q");
        }) == "q holds NaN at index [1, 1]; every value must be finite in float32");
  CHECK(refusal([&] {
          to_tensor(array_of({1, 2}, {0, -inf}), "k");
        }) == "k holds -inf at index [0, 1]; every value must be finite in float32");
  CHECK(refusal([&] { to_mask(array_of({1, 2}, {0, inf}), {1, 1, 1, 2}, "mask"); }).find("[0, 1]") != std::string::npos);
  CHECK_NOTHROW(to_mask(array_of({1, 2}, {0, -inf}), {1, 1, 1, 2}, "mask"));
  CHECK(refusal([&] { to_tensor(read_npy(fixture("bool.npy")), "q"); }).find("bool") != std::string::npos);
  CHECK(refusal([&] { to_tensor(array_of({3}, {1, 2, 3}), "q"); }).find("[3]") != std::string::npos);
  CHECK(refusal([&] { to_tensor(array_of({0, 4}, {}), "q"); }).find("no elements") != std::string::npos);
}

TEST_CASE("float64 too large for float32 is refused, not turned into infinity") {
  const double huge[] = {1, 1e39};
  Array array{{1, 2}, DType::f64, in_memory({reinterpret_cast<const char*>(huge), sizeof huge})};
  CHECK(refusal([&] { to_tensor(array, "q"); }).find("[0, 1]") != std::string::npos);
}

TEST_CASE("float16 covers zeros, subnormals, normals, infinities") {
  const std::uint16_t halves[] = {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00};
  const Array array{{11}, DType::f16, in_memory({reinterpret_cast<const char*>(halves), sizeof halves})};
  const double expected[] = {0, -0.0, 0x1p-24, 0x3ffp-24, 0x1p-14, 1, -2, 65504, HUGE_VAL, -HUGE_VAL};
  for (int i = 0; i < 10; ++i) CHECK(array.at(i) == expected[i]);
  CHECK(std::signbit(array.at(1)));
  CHECK(std::isnan(array.at(10)));
}

TEST_CASE("every truncation of every fixture is refused") {
  for (const char* file : {"f32.npy", "f64.npy", "f16.npy", "fortran.npy", "version2.npy", "bool.npy", "additive.npy"}) {
    CAPTURE(file);
    const auto whole = slurp(fixture(file));
    for (std::size_t length = 0; length < whole.size(); ++length)
      CHECK_THROWS_AS(parse_npy(in_memory(whole.substr(0, length)), file), UserError);
    CHECK_THROWS_AS(parse_npy(in_memory(whole + "x"), file), UserError);
  }
}

TEST_CASE("flipping any one byte of a header never crashes") {
  const auto whole = slurp(fixture("f32.npy"));
  for (std::size_t at = 0; at < 128; ++at)
    for (const int flip : {0x01, 0x08, 0x80, 0xff}) {
      auto damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ flip);
      std::size_t data_bytes = 480;
      const auto message = refusal([&] { data_bytes = parse_npy(in_memory(damaged), "damaged").bytes.data.size(); });
      CHECK(data_bytes == 480);
      CHECK(message.find('\n') == std::string::npos);
    }
}

TEST_CASE("headers that lie or that we do not read are refused") {
  for (const char* dict : {
           "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 3)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
           "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<i8', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2LL,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (L,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (np.int64(2),)}",
           "{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
           "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False}",
           "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'more': 1}",
           "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} 7",
           "{'descr': '<f4",
           "",
       }) {
    CAPTURE(dict);
    CHECK_THROWS_AS(parse_npy(npy(dict, 8), "lying"), UserError);
  }
  const char* good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";
  CHECK(parse_npy(npy(good, 8), "good").shape == std::vector<std::int64_t>{2});
  CHECK(parse_npy(npy(good, 8, 2), "good").shape == std::vector<std::int64_t>{2});
  CHECK_THROWS_AS(parse_npy(npy(good, 8, 4), "version 4"), UserError);
  const char* empty = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0)}";
  CHECK(parse_npy(npy(empty, 0), "empty").count() == 0);  // although the other axes alone are too long for 64 bits
}

TEST_CASE("the long integers that Python 2 wrote into shapes are read") {
  const auto array = parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L)}", 24), "python 2");
  CHECK(array.shape == std::vector<std::int64_t>{2, 3});
  CHECK(parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2L,)}", 8, 2), "python 2").count() == 2);
}

TEST_CASE("masks broadcast along every axis as NumPy does") {
  const Shape scores{2, 3, 4, 5};
  const std::vector<std::vector<std::int64_t>> fitting = {{},           {1},          {5},         {4, 1},       {1, 5},
                                                          {4, 5},       {3, 1, 1},    {1, 4, 5},   {2, 1, 1, 5}, {1, 1, 1, 1},
                                                          {2, 3, 1, 1}, {1, 3, 4, 1}, {2, 3, 4, 5}};
  for (const auto& shape : fitting) {
    CAPTURE(shape_text(shape));
    std::vector<float> values(static_cast<std::size_t>(Array{shape, DType::f32, {}}.count()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) + 0.5f;
    const auto mask = to_mask(array_of(shape, values), scores, "mask");
    Shape padded{1, 1, 1, 1};
    std::copy(shape.begin(), shape.end(), padded.end() - static_cast<std::ptrdiff_t>(shape.size()));
    REQUIRE(mask.shape() == Shape{padded[0], padded[1], 4, 5});
    const auto all = broadcast(mask.ref(), 2, 3).as<const float>();
    for (std::int64_t b = 0; b < 2; ++b)
      for (std::int64_t h = 0; h < 3; ++h)
        for (std::int64_t i = 0; i < 4; ++i)
          for (std::int64_t j = 0; j < 5; ++j) {
            const auto at = [&](std::int64_t index, std::size_t axis) { return padded[axis] == 1 ? 0 : index; };
            const auto flat = ((at(b, 0) * padded[1] + at(h, 1)) * padded[2] + at(i, 2)) * padded[3] + at(j, 3);
            CHECK(all.row(b, h, i)[j] == static_cast<float>(flat) + 0.5f);
          }
  }
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{4}, {5, 5}, {4, 3}, {2, 4, 5}, {3, 1, 4, 5}, {2, 2, 4, 5}, {1, 1, 1, 1, 1}, {0}, {2, 3, 4, 0}}) {
    const auto message = refusal([&] { mask_shape(shape, scores, "mask 'm.npy'"); });
    CHECK_MENTIONS(message,
                   "mask 'm.npy' has shape " + shape_text(shape) + ", which does not broadcast to the scores [2, 3, 4, 5]");
  }
}

TEST_CASE("a part of a mask is its first keys, rows, heads and batch entries") {
  std::vector<float> values(2 * 1 * 4 * 5);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
  const auto mask = to_mask(array_of({2, 1, 4, 5}, values), {2, 3, 4, 5}, {1, 2, 2, 3}, "mask");
  REQUIRE(mask.shape() == Shape{1, 1, 2, 3});
  CHECK(mask.view().row(0, 0, 1)[2] == 7.0f);
}

namespace {

template <class T>
Array typed(DType type, const std::vector<T>& values) {
  return {{static_cast<std::int64_t>(values.size())},
          type,
          in_memory({reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)})};
}

template <class T>
void check_integer_mask(DType type) {
  CAPTURE(info_of(type).numpy_name);
  const Shape scores{1, 1, 1, 3};
  const Tensor mask = to_mask(typed<T>(type, {1, 0, 1}), scores, "mask");
  REQUIRE(mask.dtype() == DType::u8);
  const auto* row = mask.data<std::uint8_t>();
  CHECK((row[0] == 1 && row[1] == 0 && row[2] == 1));
  const std::string message = refusal([&] { to_mask(typed<T>(type, {1, 0, 7}), scores, "mask"); });
  CHECK_MENTIONS(message, "holds 7 at index [2]");
  CHECK_MENTIONS(message, ".astype(bool)");
  CHECK_MENTIONS(refusal([&] { to_tensor({{1, 3}, type, typed<T>(type, {1, 0, 1}).bytes}, "q"); }), info_of(type).numpy_name);
}

}  // namespace

TEST_CASE("integer masks of 0 and 1 are boolean, others are refused with the right remedy") {
  check_integer_mask<std::int8_t>(DType::i8);
  check_integer_mask<std::int16_t>(DType::i16);
  check_integer_mask<std::int32_t>(DType::i32);
  check_integer_mask<std::int64_t>(DType::i64);
  check_integer_mask<std::uint8_t>(DType::u8);
  check_integer_mask<std::uint16_t>(DType::u16);
  check_integer_mask<std::uint32_t>(DType::u32);
  check_integer_mask<std::uint64_t>(DType::u64);
}

TEST_CASE("a finite float64 below float32's range stays finite in a mask, and -inf stays -inf") {
  const double lowest = std::numeric_limits<double>::lowest(), inf = std::numeric_limits<double>::infinity();
  const auto mask = to_mask(typed<double>(DType::f64, {0, lowest, -1e39, -inf}), {1, 1, 1, 4}, "mask");
  const float* row = mask.view().row(0, 0, 0);
  CHECK(row[1] == std::numeric_limits<float>::lowest());
  CHECK(row[2] == std::numeric_limits<float>::lowest());
  CHECK(row[3] == -std::numeric_limits<float>::infinity());
  for (const double refused : {-lowest, 1e39, inf, std::numeric_limits<double>::quiet_NaN()})
    CHECK_MENTIONS(refusal([&] { to_mask(typed<double>(DType::f64, {0, refused}), {1, 1, 1, 2}, "mask"); }), "at index [1]");
}

TEST_CASE("a float mask of zeros and ones looks boolean") {
  CHECK(looks_boolean(array_of({3}, {0, 1, 1})));
  CHECK_FALSE(looks_boolean(array_of({3}, {0, 0, 0})));
  CHECK_FALSE(looks_boolean(array_of({3}, {0, 1, -1})));
  CHECK_FALSE(looks_boolean(typed<std::uint8_t>(DType::u8, {0, 1})));
}

TEST_CASE("a file that is cut short while it is read is one line, no signal") {
  const TemporaryFolder folder;
  const std::vector<float> values(100000, 1.0f);
  write_npy(folder / "a.npy", std::vector<std::int64_t>{100000}, values);
  const auto stored = open_npy(folder / "a.npy");
  fs::resize_file(folder / "a.npy", 4096);
  CHECK_MENTIONS(refusal([&] { stored.load(); }), "was truncated while it was being read");
}

TEST_CASE("a control character in a hostile header does not break the one line") {
  const auto message =
      refusal([] { parse_npy(npy("{'descr': '\n\x1b[31m', 'fortran_order': False, 'shape': (2,)}", 8), "hostile"); });
  CHECK(message.find('\n') == std::string::npos);
  CHECK(message.find('\x1b') == std::string::npos);
}

TEST_CASE("text from outside is quoted so that it stays one line of valid UTF-8") {
  CHECK(in_quotes("caf\xc3\xa9") == "'caf\xc3\xa9'");
  CHECK(in_quotes("a\nb\x7f\xc2\x9b"
                  "c") == "'a?b??c'");
  CHECK(in_quotes("\xff"
                  "x\xc3") == "'?x?'");
  CHECK(in_quotes(std::string(1000, 'x')).size() == 205);
}

TEST_CASE("what is written reads back, and is what numpy would write") {
  const TemporaryFolder folder;
  for (const std::vector<std::int64_t>& shape : {std::vector<std::int64_t>{}, {1}, {6}, {2, 3}, {1, 2, 3, 1, 1}}) {
    std::vector<float> values(static_cast<std::size_t>(Array{shape, DType::f32, {}}.count()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 0.5f;
    write_npy(folder / "a.npy", shape, values);
    const auto back = read_npy(folder / "a.npy");
    CHECK(back.shape == shape);
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(back.at(static_cast<std::int64_t>(i)) == values[i]);
  }
  const auto original = read_npy(fixture("f32.npy"));
  write_npy(folder / "b.npy", to_tensor(original, "b").ref());
  CHECK(slurp(folder / "b.npy") == slurp(fixture("f32.npy")));
  write_npy(folder / "c.npy", to_mask(read_npy(fixture("bool.npy")), {1, 1, 3, 4}, "mask").ref());
  CHECK(read_npy(folder / "c.npy").type == DType::boolean);
}

TEST_CASE("a strided or broadcast tensor is written densely") {
  const TemporaryFolder folder;
  Tensor tensor({1, 1, 2, 2});
  for (int i = 0; i < 4; ++i) tensor.data()[i] = static_cast<float>(i);
  write_npy(folder / "a.npy", broadcast(tensor.ref(), 2, 1));
  const auto back = read_npy(folder / "a.npy");
  REQUIRE(back.shape == std::vector<std::int64_t>{2, 1, 2, 2});
  for (int i = 0; i < 8; ++i) CHECK(back.at(i) == i % 4);
}

TEST_CASE("an unwritable target is one line and leaves nothing behind") {
  const TemporaryFolder folder;
  const std::vector<std::int64_t> shape{1};
  const float value[] = {1};
  CHECK(refusal([&] { write_npy(folder / "missing/a.npy", shape, value); }).find("missing/a.npy") != std::string::npos);
  fs::create_directory(folder / "dir.npy");
  CHECK_THROWS_AS(write_npy(folder / "dir.npy", shape, value), UserError);
  CHECK_THROWS_AS(write_npy("", shape, value), UserError);
  CHECK_THROWS_AS(write_npy("/dev/full", shape, value), UserError);
  CHECK(fs::is_character_file("/dev/full"));
  std::size_t entries = 0;
  for (const auto& entry : fs::directory_iterator(folder.path())) entries += entry.exists();
  CHECK(entries == 1);
}

TEST_CASE("a symbolic link is written through, an existing file is replaced whole") {
  const TemporaryFolder folder;
  const std::vector<std::int64_t> shape{1};
  const float one[] = {1}, two[] = {2};
  write_npy(folder / "real.npy", shape, one);
  fs::create_symlink("real.npy", folder / "link.npy");
  write_npy(folder / "link.npy", shape, two);
  CHECK(fs::is_symlink(folder / "link.npy"));
  CHECK(read_npy(folder / "real.npy").at(0) == 2);
}

TEST_CASE("what is no file is refused") {
  CHECK_THROWS_AS(read_npy("/no/such/file.npy"), UserError);
  CHECK_THROWS_AS(read_npy("/"), UserError);
  CHECK_THROWS_AS(read_npy("/dev/zero"), UserError);
  const TemporaryFolder folder;
  std::ofstream(folder / "empty.npy");
  CHECK_THROWS_AS(read_npy(folder / "empty.npy"), UserError);
}
