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
  const auto boolean = to_mask(read_npy(fixture("bool.npy")), "mask");  // [3, 4], true where (row + column) % 3 == 0
  CHECK(boolean.dtype() == DType::u8);
  REQUIRE(boolean.shape() == Shape{1, 1, 3, 4});
  for (std::int64_t i = 0; i < 3; ++i)
    for (std::int64_t j = 0; j < 4; ++j) CHECK(boolean.view<std::uint8_t>().row(0, 0, i)[j] == ((i + j) % 3 == 0));

  const auto additive = to_mask(read_npy(fixture("additive.npy")), "mask");  // [2, 3, 4] of -i, with -inf at [1, 2, 3]
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
  CHECK(refusal([&] { to_mask(array_of({1, 2}, {0, inf}), "mask"); }).find("[0, 1]") != std::string::npos);
  CHECK_NOTHROW(to_mask(array_of({1, 2}, {0, -inf}), "mask"));
  CHECK(refusal([&] { to_tensor(read_npy(fixture("bool.npy")), "q"); }).find("bool") != std::string::npos);
  CHECK(refusal([&] { to_tensor(array_of({3}, {1, 2, 3}), "q"); }).find("[3]") != std::string::npos);
  CHECK(refusal([&] { to_tensor(array_of({0, 4}, {}), "q"); }).find("no elements") != std::string::npos);
}

TEST_CASE("float64 too large for float32 is refused, not turned into infinity") {
  const double huge[] = {1, 1e39};
  Array array{{1, 2}, ElementType::f64, in_memory({reinterpret_cast<const char*>(huge), sizeof huge})};
  CHECK(refusal([&] { to_tensor(array, "q"); }).find("[0, 1]") != std::string::npos);
}

TEST_CASE("float16 covers zeros, subnormals, normals, infinities") {
  const std::uint16_t halves[] = {0x0000, 0x8000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x7e00};
  const Array array{{11}, ElementType::f16, in_memory({reinterpret_cast<const char*>(halves), sizeof halves})};
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
           "{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}",
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
    std::vector<float> values(static_cast<std::size_t>(Array{shape, ElementType::f32, {}}.count()));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) - 0.5f;
    write_npy(folder / "a.npy", shape, values);
    const auto back = read_npy(folder / "a.npy");
    CHECK(back.shape == shape);
    for (std::size_t i = 0; i < values.size(); ++i) CHECK(back.at(static_cast<std::int64_t>(i)) == values[i]);
  }
  const auto original = read_npy(fixture("f32.npy"));
  write_npy(folder / "b.npy", to_tensor(original, "b").ref());
  CHECK(slurp(folder / "b.npy") == slurp(fixture("f32.npy")));
  write_npy(folder / "c.npy", to_mask(read_npy(fixture("bool.npy")), "mask").ref());
  CHECK(read_npy(folder / "c.npy").type == ElementType::boolean);
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
