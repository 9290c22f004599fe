// If these fail, a selection runs with other parameters than its label says, or a typing error is taken for a value.
#include "variants/api/params.h"

#include <array>

#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

constexpr std::array kSpecs{
    integer_param("window", 128, 0, 4096, "neighbours"),
    real_param("temperature", 1.5, 0.25, 8, "softmax temperature"),
    choice_param("pattern", "strided", "strided|fixed", "which pattern"),
    choice_param("inner", "naive", "", "any word"),
};

// The one line a mistake gives.
std::string error_of(const char* name, const char* value) {
  Params params(kSpecs);
  try {
    params.set(name, value);
  } catch (const UserError& error) {
    CHECK(params.non_default().empty());  // nothing half set
    return error.what();
  }
  return "accepted";
}

bool contains(const std::string& text, const char* words) { return text.find(words) != std::string::npos; }

}  // namespace

TEST_CASE("defaults hold until set") {
  Params params(kSpecs);
  CHECK(params.integer("window") == 128);
  CHECK(params.real("temperature") == 1.5);
  CHECK(params.choice("pattern") == "strided");
  CHECK(params.non_default() == "");
  params.set("window", "256");
  params.set("temperature", "0.25");
  params.set("pattern", "fixed");
  params.set("inner", "blockwise");
  CHECK(params.integer("window") == 256);
  CHECK(params.real("temperature") == 0.25);
  CHECK(params.choice("pattern") == "fixed");
  CHECK(params.choice("inner") == "blockwise");
}

TEST_CASE("the text form names what differs, in the order declared") {
  Params params(kSpecs);
  params.set("pattern", "fixed");
  params.set("window", "7");
  CHECK(params.non_default() == "window=7,pattern=fixed");
  params.set("window", "128");
  CHECK(params.non_default() == "pattern=fixed");
  params.set("temperature", "0.3");
  CHECK(params.non_default() == "temperature=0.3,pattern=fixed");
}

TEST_CASE("the range is inclusive") {
  CHECK(error_of("window", "0") == "accepted");
  CHECK(error_of("window", "4096") == "accepted");
  CHECK(error_of("temperature", "8") == "accepted");
}

TEST_CASE("mistakes name the value and what is expected") {
  for (const char* value : {"", "x", "12x", "1.5", " 3", "-1", "4097", "99999999999999999999"}) {
    CAPTURE(value);
    CHECK(contains(error_of("window", value), "expected a whole number from 0 to 4096"));
    CHECK(contains(error_of("window", value), value));
  }
  for (const char* value : {"", "nan", "inf", "0.2", "8.01", "one"}) {
    CAPTURE(value);
    CHECK(contains(error_of("temperature", value), "expected a number from 0.25 to 8"));
  }
  for (const char* value : {"", "stride", "strided|fixed", "FIXED"}) {
    CAPTURE(value);
    CHECK(contains(error_of("pattern", value), "expected one of strided|fixed"));
  }
  CHECK(contains(error_of("inner", ""), "expected a word"));
  CHECK(contains(error_of("windw", "3"), "unknown parameter 'windw'; known: window, temperature, pattern, inner"));
  Params none;
  CHECK_THROWS_AS(none.set("window", "3"), UserError);
}

TEST_CASE("large limits print as plain numbers") {
  static constexpr std::array kLarge{integer_param("m", 1, 1, 1000000, "")};
  Params params(kLarge);
  try {
    params.set("m", "0");
    FAIL("accepted");
  } catch (const UserError& error) {
    CHECK(contains(error.what(), "from 1 to 1000000"));
  }
}
