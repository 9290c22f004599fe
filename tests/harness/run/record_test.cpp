// If these fail, records of different cases collide, or the reproducer does not measure the same case again.
#include "harness/run/record.h"

#include <cmath>
#include <cstdio>

#include "harness/planning/case.h"
#include "harness/support/json.h"
#include "harness/support/text.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

Case linear_case() {
  Case point;
  point.workload = make_workload("text:it's mine.txt", parse_problem("b1 h2 n16 d8 causal"), 2);
  point.config = {find_variant("naive"), Params(find_variant("naive")->params)};
  point.prediction = {0.5, 1e6, RateSource::fitted};
  return point;
}

// What the shell makes of a word.
std::string echoed(const std::string& quoted) {
  std::FILE* pipe = ::popen(("printf %s " + quoted).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (int c; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
  ::pclose(pipe);
  return text;
}

}  // namespace

TEST_CASE("keys tell case, kind and round apart") {
  const auto point = linear_case();
  CHECK(record_key(point, JobKind::time, 3) == "text:it's mine.txt|b1 h2 n16 d8 f32 causal|naive|t2|time|r3");
  CHECK(record_key(point, JobKind::verify) == "text:it's mine.txt|b1 h2 n16 d8 f32 causal|naive|t2|verify|r0");
}

TEST_CASE("a record names its group, and everything about its problem") {
  const auto record = [](const char* problem) {
    auto bench_case = linear_case();
    bench_case.workload = make_workload("text", parse_problem(problem), 2);
    return make_record({bench_case, JobKind::verify, 0, 1}, JobResult{}, utc_now());
  };
  const auto plain = record("b1 h2 n16 d8"),
             rich = record("b2 h2 n16 d8 window=3:inf klen=4,16 mask=additive:bh scale=2 softcap=30");
  CHECK(plain["group"] == "text|b1 h2 n16 d8 f32|t2");
  const auto schema = read_schema("record.schema.json");
  CHECK(schema_violation(schema, plain) == "");
  CHECK(schema_violation(schema, rich) == "");
  const auto &usual = plain["problem_fields"], &fields = rich["problem_fields"];
  CHECK(usual["window"].is_null());
  CHECK(usual["key_lengths"].empty());
  CHECK(usual["mask"] == "none");
  CHECK(usual["scale"].get<double>() == Approx(1 / std::sqrt(8.0)));
  CHECK(usual["softcap"].is_null());
  CHECK(usual["phase"] == "forward");
  CHECK(fields["window"] == Json::array({3, -1}));
  CHECK(fields["key_lengths"] == Json::array({4, 16}));
  CHECK(fields["mask"] == "additive");
  CHECK(fields["mask_per_batch"] == true);
  CHECK(fields["mask_per_head"] == true);
  CHECK(fields["scale"] == 2);
  CHECK(fields["softcap"] == 30);
}

TEST_CASE("the shell reads a quoted word as it was") {
  for (const char* word :
       {"naive", "sliding_window(window=256)", "b1 h8 n4", "it's", "$HOME `id` \"x\" \\ *", "", "a;b|c&d", "--x=#y", "~"}) {
    CAPTURE(word);
    CHECK(echoed(shell_quoted(word)) == word);
  }
  CHECK(shell_quoted("naive") == "naive");
}

TEST_CASE("the reproducer names the whole case") {
  CHECK(reproducer(linear_case(), 42, 42) ==
        "attnbench run --problem 'b1 h2 n16 d8 f32 causal' --variants naive --dataset 'text:it'\\''s mine.txt' --threads 2 --seed "
        "42");
  CHECK(has(reproducer(linear_case(), 1, 77), "--seed 1 --rows-seed 77"));
}

TEST_CASE("what was measured cold is measured cold again") {
  CHECK(has(reproducer(linear_case(), 42, 42, CacheMode::cold), "--seed 42 --cache cold"));
  CHECK(make_record({linear_case(), JobKind::time, 0, 1, 1, 0, CacheMode::cold}, JobResult{}, utc_now())["cache"] == "cold");
}

TEST_CASE("a record follows the schema, whatever came out") {
  const auto schema = read_schema("record.schema.json");
  const auto point = linear_case();
  JobResult result;
  result.isa = "AVX2";
  CHECK(schema_violation(schema, make_record({point, JobKind::verify, 0, 1}, result, utc_now())) == "");
  result.status = Status::out_of_memory;
  result.reasons = {"no more"};
  const auto record = make_record({point, JobKind::memory, 0, 1}, result, utc_now());
  CHECK(schema_violation(schema, record) == "");
  CHECK_FALSE(record.contains("memory"));
  result.status = Status::ok;
  result.measured = AttentionMap{"w.npy", {"in", "the"}};
  CHECK(schema_violation(schema, make_record({point, JobKind::weights, 0, 1}, result, utc_now())) == "");
  auto surprising = make_record({point, JobKind::weights, 0, 1}, result, utc_now());
  surprising["weights"]["surprise"] = 1;
  CHECK(schema_violation(schema, surprising) != "");
}

TEST_CASE("a time that does not say what stood beside its samples breaks the schema") {
  const auto schema = read_schema("record.schema.json");
  JobResult result;
  result.isa = "AVX2";
  result.measured = TimedRound{.timing = {.samples_s = {0.1}, .iterations = {1}, .involuntary_switches = {0}, .warmup_calls = 1}};
  const auto record = make_record({linear_case(), JobKind::time, 0, 1}, result, utc_now());
  CHECK(schema_violation(schema, record) == "");
  for (const auto& [name, value] : record["time"].items()) {
    auto bare = record;
    bare["time"].erase(name);
    if (name != "pinned") CHECK(schema_violation(schema, bare) == "time." + name + " is missing");  // older runs lack it
  }
}

TEST_CASE("the cost of a problem that a variant does not support is not asked for") {
  auto point = linear_case();
  Variant picky = *point.config.variant;
  picky.cost = [](const Problem&, const Params&) -> Cost { throw std::logic_error("asked"); };
  point.config.variant = &picky;
  point.status = CaseStatus::unsupported;
  CHECK(make_record({point, JobKind::verify, 0, 1}, JobResult{}, utc_now())["cost"]["pairs"] == 0);
}

TEST_CASE("a record names its session and what its prediction stands on") {
  auto point = linear_case();
  CHECK(make_record({point, JobKind::time, 2, 1, 1, 3}, JobResult{}, utc_now())["session"] == 3);
  CHECK(make_record({point, JobKind::time, 2, 1}, JobResult{}, utc_now())["prediction"]["model"] == "fitted");
  point.prediction.rates = RateSource::prior;
  CHECK(make_record({point, JobKind::time, 2, 1}, JobResult{}, utc_now())["prediction"]["model"] == "prior");
}

TEST_CASE("times are UTC in ISO 8601") {
  const auto now = utc_now();
  REQUIRE(now.size() == 20);
  CHECK(now[4] == '-');
  CHECK(now[10] == 'T');
  CHECK(now[19] == 'Z');
}
