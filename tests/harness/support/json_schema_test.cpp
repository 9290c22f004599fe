// If these fail, a damaged file or a hostile process reaches code that relies on members it does not have.
#include "harness/support/json_schema.h"

#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

namespace attnbench {
namespace {

std::string fault(const Json& schema, const Json& value, Members members = Members::required) {
  return schema_fault(schema, value, members);
}

TEST_CASE("a value of another type is named with its place") {
  const Json schema = {
      {"properties",
       {{"plan", {{"properties", {{"rounds", {{"type", "integer"}}}}}}}, {"list", {{"items", {{"type", {"string", "null"}}}}}}}}};
  CHECK(fault(schema, {{"plan", {{"rounds", 3}}}, {"list", {"a", nullptr}}}) == "");
  CHECK(fault(schema, {{"plan", {{"rounds", "x"}}}}) == R"(plan.rounds is "x", expected a whole number)");
  CHECK(fault(schema, {{"plan", {{"rounds", 1e308}}}}) == "plan.rounds is 1e+308, expected a whole number");
  CHECK(fault(schema, {{"list", {"a", 3}}}) == "list[1] is 3, expected a string or null");
}

TEST_CASE("what a message shows of a value is short and plain") {
  const auto text = fault({{"type", "number"}}, std::string(1000, 'x') + "\x1b");
  CHECK(text.size() < 120);
  CHECK(has(fault({{"type", "number"}}, "\xc2\x9b"), R"(\u009b)"));
}

TEST_CASE("words, constants and ranges are checked, through references too") {
  const Json schema = {{"$defs", {{"word", {{"enum", {"a", "b", nullptr}}}}}},
                       {"properties",
                        {{"word", {{"$ref", "#/$defs/word"}}},
                         {"version", {{"const", 2}}},
                         {"share", {{"type", "number"}, {"minimum", 0}, {"maximum", 1}}},
                         {"pair", {{"type", "array"}, {"minItems", 2}, {"maxItems", 2}}}}}};
  CHECK(fault(schema, {{"word", nullptr}, {"version", 2}, {"share", 0.5}, {"pair", {1, 2}}}) == "");
  CHECK(fault(schema, {{"word", "c"}}) == R"(word is "c", expected "a", "b" or null)");
  CHECK(fault(schema, {{"version", 3}}) == "version is 3, expected 2");
  CHECK(fault(schema, {{"share", -1}}) == "share is -1, expected at least 0");
  CHECK(fault(schema, {{"share", 1.5}}) == "share is 1.5, expected at most 1");
  CHECK(fault(schema, {{"pair", {1}}}) == "pair is [1], expected at least 2 entries");
  CHECK(fault(schema, {{"pair", {1, 2, 3}}}) == "pair is [1,2,3], expected at most 2 entries");
}

TEST_CASE("missing and unknown members count as the caller asks") {
  const Json schema = {{"properties", {{"a", {{"type", "integer"}}}}}, {"required", {"a"}}, {"additionalProperties", false}};
  CHECK(fault(schema, Json::object(), Members::partial) == "");
  CHECK(fault(schema, Json::object(), Members::required) == "a is missing");
  CHECK(fault(schema, {{"a", 1}, {"z", 1}}, Members::required) == "");
  CHECK(fault(schema, {{"a", 1}, {"z", 1}}, Members::exact) == "z is unknown");
  const Json texts = {{"additionalProperties", {{"type", "string"}}}};
  CHECK(fault(texts, {{"any", 1}}) == "any is 1, expected a string");
}

TEST_CASE("the compiled-in schemas are those of the source tree") {
  for (const std::string name : {"run", "record", "calibration"}) CHECK(shipped_schema(name) == read_schema(name + ".schema.json"));
}

TEST_CASE("JSON nested so deeply that using it would overflow the stack is none") {
  const auto nested = [](int depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK(parse_json(nested(kDeepestJson)).is_array());
  CHECK(parse_json(nested(kDeepestJson + 1)).is_discarded());
  CHECK(parse_json(nested(1'000'000)).is_discarded());
  CHECK(parse_json("{\"a\":\"" + std::string(1000, '[') + "\\\"[\"}").is_object());  // brackets inside a string
  CHECK(parse_json("{").is_discarded());
  CHECK(parse_json("1e999").is_discarded());
}

}  // namespace
}  // namespace attnbench
