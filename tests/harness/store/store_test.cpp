// If these fail, records are lost, doubled or torn, or two runs write into one folder.
#include "harness/store/store.h"

#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/error.h"

using namespace attnbench;
using Mode = Store::Mode;

namespace {

Json record(const std::string& key, const std::string& status = "ok") {
  return {{"schema_version", kSchemaVersion}, {"key", key}, {"status", status}, {"wall_s", 0.5}};
}

Json run_document() { return {{"schema_version", kSchemaVersion}, {"status", "running"}}; }

// A run directory with two records, closed again.
std::string two_records(const TemporaryFolder& folder) {
  const auto directory = folder / "run";
  Store store(directory, Mode::create);
  store.write_run(run_document());
  auto timed = record("a");
  timed["time"] = {{"median_s", 0.25}};
  store.append(timed);
  store.append(record("b", "crashed"));
  return directory;
}

}  // namespace

TEST_CASE("records come back with what the stop rule needs") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const Store store(directory, Mode::resume);
  CHECK(store.size() == 2);
  REQUIRE(store.find("a") != nullptr);
  CHECK(store.find("a")->median_s == 0.25);
  CHECK(store.find("a")->wall_s == 0.5);
  CHECK(store.find("b")->status == "crashed");
  CHECK(store.find("c") == nullptr);
  CHECK(store.resumed_run()["status"] == "running");
}

TEST_CASE("every line is whole as soon as append returns") {
  const TemporaryFolder folder;
  Store store(folder / "run", Mode::create);
  store.append(record("a"));
  CHECK(read_records(folder / "run").size() == 1);
  store.append(record("b"));
  const auto records = read_records(folder / "run");
  REQUIRE(records.size() == 2);
  CHECK(records[1]["key"] == "b");
}

TEST_CASE("a number that is not finite is stored as null") {
  const TemporaryFolder folder;
  Store store(folder / "run", Mode::create);
  auto bad = record("a");
  bad["error"] = std::nan("");
  store.append(bad);
  CHECK(read_records(folder / "run")[0]["error"].is_null());
}

TEST_CASE("a line torn by a crash is cut off, wherever it was torn") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto whole = read_text(directory + "/records.jsonl");
  const auto line = record("torn").dump();
  for (const auto length : {std::size_t{1}, line.size() / 2, line.size()}) {  // even a whole record without its newline
    write_text(directory + "/records.jsonl", whole + line.substr(0, length));
    {
      Store store(directory, Mode::resume);
      CHECK(store.size() == 2);
      CHECK(store.find("torn") == nullptr);
      store.append(record("torn"));
    }
    CHECK(read_records(directory).size() == 3);
  }
}

TEST_CASE("a key never stands twice") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  {
    Store store(directory, Mode::resume);
    CHECK_THROWS_AS(store.append(record("a")), UserError);
    CHECK(read_records(directory).size() == 2);
  }
  write_text(directory + "/records.jsonl", read_text(directory + "/records.jsonl") + record("b").dump() + "\n");
  const auto line = refusal([&] { Store(directory, Mode::resume); });
  CHECK(has(line, "line 3"));
  CHECK(has(line, "'b'"));
}

TEST_CASE("damage in the middle is refused by line, not skipped") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  write_text(directory + "/records.jsonl", "garbage\n" + read_text(directory + "/records.jsonl"));
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "line 1"));
}

TEST_CASE("a second writer is kept out while the first lives") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  {
    const Store first(directory, Mode::resume);
    CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "in use"));
  }
  CHECK_NOTHROW(Store(directory, Mode::resume));
}

TEST_CASE("a run is neither overwritten nor resumed by mistake") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  CHECK(has(refusal([&] { Store(directory, Mode::create); }), "--resume"));
  CHECK(has(refusal([&] { Store(folder / "elsewhere", Mode::resume); }), "no run to resume"));
  CHECK_FALSE(std::filesystem::exists(folder / "elsewhere"));
}

TEST_CASE("another schema version is refused, in run.json and in a record") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto records = read_text(directory + "/records.jsonl");
  write_text(directory + "/records.jsonl", records + "{\"schema_version\":99,\"key\":\"z\"}\n");
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "99"));
  write_text(directory + "/records.jsonl", records);
  write_text(directory + "/run.json", "{\"schema_version\":0}");
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "schema version 0"));
  write_text(directory + "/run.json", "{\"schema_ver");
  CHECK_THROWS_AS(Store(directory, Mode::resume), UserError);
}

TEST_CASE("a folder that cannot be made or written is refused") {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  CHECK_THROWS_AS(Store(folder / "file", Mode::create), UserError);
  CHECK_THROWS_AS(Store(folder / "file/below", Mode::create), UserError);
  if (::geteuid() == 0) return;  // root writes everywhere
  std::filesystem::create_directory(folder / "locked");
  std::filesystem::permissions(folder / "locked", std::filesystem::perms::owner_read | std::filesystem::perms::owner_exec);
  CHECK(has(refusal([&] { Store(folder / "locked", Mode::create); }), "cannot write"));
}

TEST_CASE("run.json is replaced as a whole") {
  const TemporaryFolder folder;
  Store store(folder / "run", Mode::create);
  store.write_run(run_document());
  auto done = run_document();
  done["status"] = "complete";
  store.write_run(done);
  CHECK(Json::parse(read_text(folder / "run/run.json")) == done);
  CHECK_FALSE(std::filesystem::exists(folder / "run/run.json.tmp"));
}
