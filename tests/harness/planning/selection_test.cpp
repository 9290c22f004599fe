// If these fail, other variants run than were asked for, or a misspelt name is not explained.
#include "harness/planning/selection.h"

#include "harness/support/text.h"
#include "tests/catch.h"
#include "variants/api/error.h"

using namespace attnbench;

namespace {

constexpr ParamSpec kWindowParams[] = {integer_param("window", 128, 1, 65536, "half width"),
                                       integer_param("globals", 1, 0, 64, "global tokens")};
constexpr ParamSpec kInnerParams[] = {choice_param("inner", "blockwise", "blockwise|naive", "inner attention")};

constexpr Variant fake(const char* name, const char* family, std::span<const ParamSpec> params = {}) {
  Variant v{};
  v.name = name;
  v.family = family;
  v.params = params;
  return v;
}

const Variant kBlockwise = fake("blockwise", "exact");
const Variant kDotProduct = fake("dot_product", "exact");
const Variant kLinear = fake("linear", "linear");
const Variant kMultiHead = fake("multi_head", "composed", kInnerParams);
const Variant kSlidingWindow = fake("sliding_window", "sparse", kWindowParams);
const Variant kStrided = fake("strided", "sparse", {kWindowParams, 1});
const Variant* const kAll[] = {&kBlockwise, &kDotProduct, &kLinear, &kMultiHead, &kSlidingWindow, &kStrided};

std::vector<std::string> labels(std::vector<std::string> entries) {
  std::vector<std::string> result;
  for (const auto& config : parse_selection(entries, kAll)) result.push_back(config.label());
  return result;
}

std::string message(std::vector<std::string> entries) {
  try {
    labels(std::move(entries));
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("names, globs and families select in the order written, each variant once") {
  CHECK(labels({"linear,blockwise"}) == Words{"linear", "blockwise"});
  CHECK(labels({"linear", "blockwise,linear"}) == Words{"linear", "blockwise"});
  CHECK(labels({"*_*"}) == Words{"dot_product", "multi_head", "sliding_window"});
  CHECK(labels({"family:sparse,b*"}) == Words{"sliding_window", "strided", "blockwise"});
  CHECK(labels({"*"}).size() == 6);
}

TEST_CASE("parameters make selections of their own") {
  CHECK(labels({"sliding_window(window=64,globals=2),sliding_window"}) ==
        Words{"sliding_window(window=64,globals=2)", "sliding_window"});
  CHECK(labels({"sliding_window(window=4k)"}) == Words{"sliding_window(window=4096)"});
  CHECK(labels({"sliding_window(window=128)"}) == Words{"sliding_window"});
  CHECK(labels({"multi_head( inner = naive )"}) == Words{"multi_head(inner=naive)"});
}

TEST_CASE("behind a glob a parameter goes to the variants that have it") {
  CHECK(labels({"*(globals=3)"}) ==
        Words{"blockwise", "dot_product", "linear", "multi_head", "sliding_window(globals=3)", "strided"});
  CHECK(message({"family:exact(globals=3)"}).find("unknown parameter 'globals'") != std::string::npos);
}

TEST_CASE("a label selects itself again") {
  for (const char* label : {"sliding_window(window=64,globals=2)", "multi_head(inner=naive)", "linear"})
    CHECK(labels({label}) == Words{label});
}

TEST_CASE("mistakes are said with the value and the remedy") {
  CHECK(message({"blockwize"}) == "unknown variant 'blockwize'; did you mean 'blockwise'?");
  CHECK(message({"sliding"}) == "unknown variant 'sliding'; did you mean 'sliding_window'?");
  CHECK(message({"zzzzzz"}).find("known: blockwise, dot_product") != std::string::npos);
  CHECK(message({"family:spars"}) == "unknown family 'spars'; did you mean 'sparse'?");
  CHECK(message({"q*"}).find("no variant matches 'q*'") == 0);
  CHECK(message({""}).find("no variant selected") == 0);
  CHECK(message({","}).find("no variant selected") == 0);
  CHECK(message({"sliding_window(window=0)"}).find("variant sliding_window: parameter window=0") == 0);
  CHECK(message({"sliding_window(windw=3)"}).find("known: window, globals") != std::string::npos);
  CHECK(message({"sliding_window(window)"}).find("NAME=VALUE") != std::string::npos);
  CHECK(message({"sliding_window(window=3"}).find("closing parenthesis") != std::string::npos);
  CHECK(message({"(window=3)"}).find("names no variant") != std::string::npos);
}

TEST_CASE("counts take suffixes and refuse what does not fit") {
  CHECK(parse_count("4k") == 4096);
  CHECK(parse_count("2m") == 2097152);
  CHECK(parse_count("0") == 0);
  CHECK(parse_count("1e6") == 1000000);
  CHECK(parse_count("2.5E5") == 250000);
  for (const char* bad : {"", "k", "-1", "-1k", "1.5", "1g", "9223372036854775807k", "99999999999999999999", "1 "}) {
    INFO(bad);
    CHECK_FALSE(parse_count(bad).has_value());
  }
  CHECK(parse_bytes("1.5g") == 1.5 * 1024 * 1024 * 1024);
  CHECK(parse_bytes("100") == 100);
  for (const char* bad : {"", "g", "-1", "nan", "inf", "1x"}) {
    INFO(bad);
    CHECK_FALSE(parse_bytes(bad).has_value());
  }
}

TEST_CASE("globs match whole names") {
  CHECK(glob_match("*", ""));
  CHECK(glob_match("a*c", "abbc"));
  CHECK(glob_match("a?c", "abc"));
  CHECK_FALSE(glob_match("a?c", "ac"));
  CHECK_FALSE(glob_match("a*c", "abcd"));
  CHECK_FALSE(glob_match("abc", "ab"));
}
