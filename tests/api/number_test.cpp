// If these fail, a typing error is taken for a number, or a case's name reads back as another case.
#include "variants/api/number.h"

#include <cstdint>
#include <limits>

#include "tests/catch.h"

using namespace attnbench;

TEST_CASE("a text is a number only as a whole and when it fits") {
  CHECK(parse_number<std::int64_t>("-12") == -12);
  CHECK(parse_number<double>("2.5e-3") == 2.5e-3);
  for (const char* text : {"", " 1", "1 ", "+1", "1x", "x", "0x10", "--1"}) {
    INFO(text);
    CHECK_FALSE(parse_number<std::int64_t>(text).has_value());
    CHECK_FALSE(parse_number<double>(text).has_value());
  }
  CHECK_FALSE(parse_number<std::int64_t>("1.5").has_value());
  CHECK_FALSE(parse_number<std::int64_t>("9223372036854775808").has_value());
  CHECK_FALSE(parse_number<double>("1e400").has_value());
}

TEST_CASE("a double is written as short as reads back the same") {
  CHECK(number_text(0.1) == "0.1");
  CHECK(number_text(30) == "30");
  for (const double value : {1.0 / 3, -2.5e-300, std::numeric_limits<double>::max(), std::numeric_limits<double>::denorm_min()})
    CHECK(parse_number<double>(number_text(value)) == value);
}
