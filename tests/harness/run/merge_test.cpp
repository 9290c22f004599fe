// If these fail, runs are joined that must not stand beside each other, or records are lost on the way.
#include "harness/run/merge.h"

#include <filesystem>

#include "harness/run/store.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;
namespace fs = std::filesystem;

namespace {

Json run_json(int index, int count) {
  auto run = stored_run();
  run["run_id"] = "s" + std::to_string(index);
  run["created"] = "2026-11-21T0" + std::to_string(index) + ":00:00Z";
  run["finished"] = "2026-11-21T1" + std::to_string(index) + ":00:00Z";
  run["status"] = "complete";
  run["datasets"] = {{"gaussian", "gaussian#v1"}, {"file:data", "file#v1#17"}};
  run["shard"] = count == 1 ? Json() : Json{{"index", index}, {"count", count}};
  run["variants"] = {stored_variant("naive"), stored_variant("v" + std::to_string(index))};
  return run;
}

// A stored run of one case, named by its shard.
std::vector<Json> records_of(int index) {
  const auto point = "gaussian|n" + std::to_string(index) + "|naive|t1|";
  return {stored_record(point + "verify|r0", "verify"), stored_record(point + "time|r0", "time")};
}

void store_run(const std::string& directory, const Json& run, const std::vector<Json>& records) {
  fs::create_directories(directory);
  write_text(directory + "/run.json", run.dump());
  std::string lines;
  for (const auto& each : records) lines += each.dump() + "\n";
  write_text(directory + "/records.jsonl", lines);
}

// Two shards of a plan, s1 and s2, ready to be joined.
struct Shards {
  TemporaryFolder folder;
  std::string first = folder / "s1", second = folder / "s2", out = folder / "out";
  Shards() {
    store_run(first, run_json(1, 2), records_of(1));
    store_run(second, run_json(2, 2), records_of(2));
  }
  MergeOutcome merge(bool partial = false, bool allow_mixed = false) const {
    return merge_runs({.out = out, .runs = {first, second}, .partial = partial, .allow_mixed = allow_mixed, .command = {"merge"}});
  }
  std::string refusal_of_merge(bool partial = false, bool allow_mixed = false) const {
    const auto message = refusal([&] { merge(partial, allow_mixed); });
    CHECK_FALSE(fs::exists(out));
    CHECK_FALSE(fs::exists(out + ".merging"));
    return message;
  }
  // Changes run.json of the second.
  void change(const std::string& pointer, const Json& value) const {
    auto run = run_json(2, 2);
    run[Json::json_pointer(pointer)] = value;
    write_text(second + "/run.json", run.dump());
  }
};

}  // namespace

TEST_CASE("shards become one run, whatever order they are given in") {
  const Shards shards;
  const auto outcome = merge_runs({.out = shards.out, .runs = {shards.second, shards.first}, .command = {"merge"}});
  CHECK(outcome.records == 4);
  CHECK(outcome.cases == 2);
  CHECK(outcome.missing.empty());
  const auto run = Json::parse(read_text(shards.out + "/run.json"));
  CHECK(run["run_id"] == "out");
  CHECK(run["status"] == "complete");
  CHECK(run["shard"].is_null());
  CHECK(run["merged_from"] == Json({"s1", "s2"}));
  CHECK(run["sessions"].size() == 2);
  CHECK(run["created"] == "2026-11-21T01:00:00Z");
  CHECK(run["finished"] == "2026-11-21T12:00:00Z");
  CHECK(run["command"] == Json({"merge"}));
  CHECK(run["variants"].size() == 3);  // one of them in both
  const auto records = read_records(shards.out);
  REQUIRE(records.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(records[i]["session"] == i / 2);
  CHECK(records[0]["key"] == records_of(1)[0]["key"]);
  const Store readable(shards.out, Store::Mode::resume);
  CHECK(readable.size() == 4);
}

TEST_CASE("records keep their session when a shard was resumed") {
  const Shards shards;
  auto run = run_json(1, 2);
  run["sessions"].push_back(stored_session("b", "m"));
  auto records = records_of(1);
  records[1]["session"] = 1;
  store_run(shards.first, run, records);
  shards.merge();
  const auto merged = read_records(shards.out);
  CHECK(merged[0]["session"] == 0);
  CHECK(merged[1]["session"] == 1);
  CHECK(merged[2]["session"] == 2);
}

TEST_CASE("a record of a session that its run does not have is not given to the next run's") {
  const Shards shards;
  auto records = records_of(1);
  records[1]["session"] = 1;
  store_run(shards.first, run_json(1, 2), records);
  CHECK(has(shards.refusal_of_merge(), "session 1 and run.json lists 1"));
  for (const auto& session :
       {Json(-1), Json(), Json(0.5), Json("0"), Json(1e300), Json(std::uint64_t{1} << 63), Json(std::int64_t{1} << 32)}) {
    CAPTURE(session.dump());
    records[1]["session"] = session;
    store_run(shards.first, run_json(1, 2), records);
    CHECK(has(shards.refusal_of_merge(), "records.jsonl line 2 is damaged: session is "));
  }
}

TEST_CASE("a missing, doubled or unfinished shard is named; what there is can be had for the asking") {
  const Shards shards;
  const auto one = [&](bool partial) { return merge_runs({.out = shards.out, .runs = {shards.second}, .partial = partial}); };
  CHECK(has(refusal([&] { one(false); }), "shard 1/2 is missing"));
  const auto outcome = one(true);
  CHECK(outcome.missing == std::vector<std::string>{"shard 1/2 is missing"});
  CHECK(Json::parse(read_text(shards.out + "/run.json"))["status"] == "interrupted");
  fs::remove_all(shards.out);

  CHECK(has(refusal([&] { merge_runs({.out = shards.out, .runs = {shards.first, shards.first}}); }), "both shard 1/2"));
  shards.change("/status", "interrupted");
  CHECK(has(shards.refusal_of_merge(), "s2 is not finished (interrupted)"));
  CHECK(shards.merge(true).records == 4);
}

TEST_CASE("a case that no shard has measured is missed") {
  const Shards shards;
  store_run(shards.second, run_json(2, 2), {});
  CHECK(has(shards.refusal_of_merge(), "1 of the plan's 2 cases"));
}

TEST_CASE("runs of other plans, seeds and splits are refused") {
  const Shards shards;
  for (const auto& [pointer, value, complaint] :
       {std::tuple<std::string, Json, std::string>{"/plan/name", "q", "name \"p\" and \"q\""},
        {"/plan/seed", 2, "seed 1 and 2"},
        {"/plan/rounds", 4, "rounds 3 and 4"},
        {"/plan/toml", "name = 'p'\nvariants = ['linear']\n", "different plans"},
        {"/plan/cases", 3, "different plans"},
        {"/shard/count", 3, "one split"},
        {"/shard", Json(), "one split"}}) {
    CAPTURE(pointer);
    shards.change(pointer, value);
    CHECK(has(shards.refusal_of_merge(true, true), complaint));
  }
}

TEST_CASE("one name of a dataset stands for one content") {
  const Shards shards;
  shards.change("/datasets/file:data", "file#v1#18");
  for (const bool allow_mixed : {false, true}) {
    const auto message = shards.refusal_of_merge(true, allow_mixed);
    CHECK(has(message, "different contents of dataset 'file:data'"));
    CHECK(has(message, shards.first));
    CHECK(has(message, shards.second));
  }
}

TEST_CASE("a dataset that only some shards met is taken along, and compared between those that did") {
  const Shards shards;
  const auto third = shards.folder / "s3", fourth = shards.folder / "s4";
  const auto stored = [](int index, const Json& datasets, const std::string& directory) {
    auto run = run_json(index, 4);
    run["datasets"] = datasets;
    run["plan"]["cases"] = 4;
    store_run(directory, run, records_of(index));
  };
  const auto merge = [&] { return merge_runs({.out = shards.out, .runs = {shards.first, shards.second, third, fourth}}); };
  stored(1, {{"gaussian", "g"}}, shards.first);
  stored(2, {{"file:data", "1"}}, shards.second);
  stored(3, {{"gaussian", "g"}}, third);
  stored(4, {{"file:data", "2"}}, fourth);
  CHECK(has(refusal(merge), shards.second + " and " + fourth + " measured different contents of dataset 'file:data'"));
  stored(4, {{"file:data", "1"}}, fourth);
  CHECK(merge().records == 8);
  CHECK(Json::parse(read_text(shards.out + "/run.json"))["datasets"] == Json{{"gaussian", "g"}, {"file:data", "1"}});
}

TEST_CASE("nodes may have more or less memory") {
  const Shards shards;
  auto toml = stored_run()["plan"]["toml"].get<std::string>();
  toml.replace(toml.find("1000"), 4, "2000");
  shards.change("/plan/toml", toml);
  CHECK(shards.merge().records == 4);
}

TEST_CASE("another machine or binary is not mixed in silently") {
  const Shards shards;
  for (const auto& other : {stored_session("other", "m"), stored_session("b", "other")}) {
    shards.change("/sessions/0", other);
    const auto message = shards.refusal_of_merge();
    CHECK(has(message, "binary b, machine m (CPU X)"));
    CHECK(has(message, "other"));
    CHECK(has(message, "--allow-mixed"));
  }
  CHECK(shards.merge(false, true).records == 4);
  CHECK(Json::parse(read_text(shards.out + "/run.json"))["sessions"][1]["machine_id"] == "other");
}

TEST_CASE("one key with two contents is refused, with one content kept once") {
  const Shards shards;
  auto records = records_of(2);
  records.push_back(records_of(1)[0]);
  store_run(shards.second, run_json(2, 2), records);
  CHECK(shards.merge().records == 4);
  fs::remove_all(shards.out);
  records.back()["wall_s"] = 2;
  store_run(shards.second, run_json(2, 2), records);
  const auto message = shards.refusal_of_merge();
  CHECK(has(message, "different records of 'gaussian|n1|naive|t1|verify|r0'"));
  CHECK(has(message, shards.first));
  CHECK(has(message, shards.second));
}

TEST_CASE("attention matrices come along, and none from outside a run's folder") {
  const Shards shards;
  auto records = records_of(2);
  records.push_back(stored_record("gaussian|n2|naive|t1|weights|r0", "weights"));
  store_run(shards.second, run_json(2, 2), records);
  CHECK(has(shards.refusal_of_merge(), "cannot copy"));
  fs::create_directories(shards.second + "/weights/gaussian");
  write_text(shards.second + "/weights/gaussian/naive.npy", "matrix");
  CHECK(shards.merge().records == 5);
  CHECK(read_text(shards.out + "/weights/gaussian/naive.npy") == "matrix");
  fs::remove_all(shards.out);
  for (const char* file : {"/etc/passwd", "../s1/run.json", "weights/../../s1/run.json", ".."}) {
    records.back()["weights"]["file"] = file;
    store_run(shards.second, run_json(2, 2), records);
    CHECK(has(shards.refusal_of_merge(), "outside its folder"));
  }
}

TEST_CASE("a folder that is no run, or holds something, is refused") {
  const Shards shards;
  CHECK(has(refusal([&] { merge_runs({.out = shards.out, .runs = {shards.folder / "none"}}); }), "cannot read"));
  for (const char* member : {"/plan", "/datasets", "/sessions", "/variants", "/environment", "/run_id", "/shard"}) {
    CAPTURE(member);
    shards.change(member, 7);
    CHECK(has(shards.refusal_of_merge(), "damaged"));
  }
  shards.change("/run_id", "s2");
  fs::create_directories(shards.out);
  CHECK(shards.merge().records == 4);  // an empty folder is as good as none
  CHECK(has(refusal([&] { shards.merge(); }), "not an empty folder"));
}
