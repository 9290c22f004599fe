// If these fail, a damaged or hostile run folder ends a command with an internal error, or with the end of the process.
#include <filesystem>

#include "harness/commands/records.h"
#include "harness/run/merge.h"
#include "harness/run/run_file.h"
#include "harness/run/store.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;
namespace fs = std::filesystem;

namespace {

// Every place in a document, as JSON pointers.
std::vector<Json::json_pointer> places_in(const Json& document, const Json::json_pointer& here = Json::json_pointer()) {
  std::vector<Json::json_pointer> places;
  const auto add = [&](const Json& part, const Json::json_pointer& place) {
    places.push_back(place);
    const auto below = places_in(part, place);
    places.insert(places.end(), below.begin(), below.end());
  };
  if (document.is_object())
    for (const auto& [name, part] : document.items()) add(part, here / name);
  if (document.is_array())
    for (std::size_t i = 0; i < document.size(); ++i) add(document[i], here / i);
  return places;
}

Json whole_run() {
  auto run = stored_run();
  run["shard"] = {{"index", 1}, {"count", 1}};
  run["datasets"] = {{"gaussian", "g"}};
  run["variants"][0]["plugin"] = {{"file", "x.so"}, {"hash", "h"}, {"name", "x"}, {"version", "1"}};
  run["calibration"] = Json::parse(R"({"schema_version":1,"machine_id":"m","created":"2026-11-21T05:00:00Z","attnbench":"0.1.0",
    "binary_id":"b","profile":"full","cpu_model":"CPU X","cores":2,"load_1m":0.1,"last_level_cache_bytes":1048576,
    "clock_resolution_s":1e-8,"timer_overhead_s":1e-8,"fork_exec_s":0.01,"worker_overhead_s":0.01,
    "fma_peak":[{"isa":"AVX2","dtype":"f32","threads":1,"gflops":100.0,"spread":0.1}],
    "sgemm":[{"threads":1,"n":64,"gflops":90.0,"spread":0.1}],
    "bandwidth":[{"kind":"read","threads":1,"working_set_bytes":4096,"gbytes_per_s":10.0,"spread":0.1}]})");
  return run;
}

std::vector<Json> whole_records() {
  return {stored_record("a|v|t1|verify|r0", "verify"), stored_record("a|v|t1|time|r0", "time"),
          stored_record("a|v|t1|memory|r0", "memory"), stored_record("a|v|t1|weights|r0", "weights")};
}

void store_run(const std::string& directory, const Json& run, const std::vector<Json>& records) {
  write_text(directory + "/run.json", run.dump());
  std::string lines;
  for (const auto& each : records) lines += each.dump() + "\n";
  write_text(directory + "/records.jsonl", lines);
}

// What the commands do with a stored run, up to the point where its plan would be run. A UserError is an answer; any other
// exception fails the test.
void use(const std::string& directory, const std::string& out) {
  refusal([&] {
    Store store(directory, Store::Mode::resume);
    auto run = continue_run(store.resumed_run(), stored_run(), directory, true);
    sessions_of_other_binaries(run);
    finish_session(run, "complete");
  });
  refusal([&] { summary_text(directory); });
  refusal([&] { verification_text(read_records(directory, "verify")); });
  refusal([&] { merge_runs({.out = out, .runs = {directory}, .partial = true, .allow_mixed = true, .command = {"merge"}}); });
  fs::remove_all(out);
}

const Json kReplacements[] = {nullptr, true, -1, 1e308, "x", Json::array(), Json::object()};

// Every place of a document replaced by every kind of value, and once left out. Calls `with` for each.
template <class With>
void each_mutation(const Json& document, const With& with) {
  for (const auto& place : places_in(document)) {
    for (const auto& value : kReplacements) {
      auto changed = document;
      changed[place] = value;
      CAPTURE(place.to_string(), value.dump());
      with(changed);
    }
    auto lacking = document;
    auto& parent = lacking[place.parent_pointer()];
    if (!parent.is_object()) continue;
    parent.erase(place.back());
    CAPTURE(place.to_string());
    with(lacking);
  }
}

}  // namespace

TEST_CASE("a run.json with a wrong value anywhere is used or refused, never an internal error") {
  const TemporaryFolder folder;
  const auto directory = folder / "run";
  fs::create_directories(directory + "/weights/gaussian");
  write_text(directory + "/weights/gaussian/naive.npy", "matrix");
  store_run(directory, whole_run(), whole_records());
  REQUIRE(refusal([&] { Store(directory, Store::Mode::resume); }) == "");
  int mutations = 0;
  each_mutation(whole_run(), [&](const Json& run) {
    store_run(directory, run, whole_records());
    CHECK_NOTHROW(use(directory, folder / "out"));
    ++mutations;
  });
  CHECK(mutations > 800);
}

TEST_CASE("a record with a wrong value anywhere is used or refused, never an internal error") {
  const TemporaryFolder folder;
  const auto directory = folder / "run";
  fs::create_directories(directory);
  const auto records = whole_records();
  for (std::size_t i = 0; i < records.size(); ++i)
    each_mutation(records[i], [&](const Json& record) {
      auto changed = records;
      changed[i] = record;
      store_run(directory, whole_run(), changed);
      CHECK_NOTHROW(use(directory, folder / "out"));
    });
}

TEST_CASE("nesting without end overflows no stack") {
  const TemporaryFolder folder;
  const auto directory = folder / "run", deep = std::string(200'000, '[');
  fs::create_directories(directory);
  store_run(directory, whole_run(), whole_records());
  write_text(directory + "/run.json", R"({"schema_version":)" + deep);
  CHECK(has(refusal([&] { Store(directory, Store::Mode::resume); }), "run.json is not a JSON object"));
  write_text(directory + "/run.json", whole_run().dump());
  write_text(directory + "/records.jsonl",
             "{\"key\":" + deep + std::string(deep.size(), ']') + "}\n" + whole_records()[0].dump() + "\n");
  CHECK(has(refusal([&] { Store(directory, Store::Mode::resume); }), "line 1 is damaged: it is not JSON"));
}
