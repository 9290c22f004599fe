// If these fail, records are lost, doubled or torn, or two runs write into one folder.
#include "harness/run/store.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>

#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/error.h"

using namespace attnbench;
using Mode = Store::Mode;

namespace {

Json record(const std::string& key, const std::string& status = "ok") { return stored_record(key, "verify", status); }

// While it lives, no file of this process grows beyond so many bytes: a full disk, but for the name of the error.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::size_t bytes) : previous_handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &previous_);
    const rlimit limit{bytes, previous_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &previous_);
    ::signal(SIGXFSZ, previous_handler_);
  }

 private:
  rlimit previous_{};
  sighandler_t previous_handler_;
};

Json run_document() { return stored_run(); }

// A run directory with two records, closed again.
std::string two_records(const TemporaryFolder& folder) {
  const auto directory = folder / "run";
  Store store(directory, Mode::create);
  store.write_run(run_document());
  store.append(stored_record("a", "time"));
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

TEST_CASE("a last line whose middle a power failure lost is cut off; such a line before others is damage") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto path = directory + "/records.jsonl", whole = read_text(path);
  auto hollow = record("hollow").dump() + "\n";
  std::fill(hollow.begin() + 10, hollow.begin() + 30, '\0');
  write_text(path, whole + hollow);
  {
    Store store(directory, Mode::resume);
    CHECK(store.size() == 2);
  }
  CHECK(read_text(path) == whole);
  write_text(path, whole + hollow + record("c").dump() + "\n");
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "line 3"));
}

TEST_CASE("a line of JSON that is no record is damage, even the last") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto path = directory + "/records.jsonl", whole = read_text(path);
  const auto changed = [](const char* pointer, const Json& value) {
    auto timed = stored_record("z", "time");
    timed[Json::json_pointer(pointer)] = value;
    return timed.dump();
  };
  auto without_time = stored_record("z", "time");
  without_time.erase("time");
  const std::pair<std::string, std::string> damages[] = {
      {"7", "it is 7, expected an object"},
      {"[]", "it is [], expected an object"},
      {without_time.dump(), "time is missing"},
      {changed("/key", 7), "key is 7, expected a string"},
      {changed("/status", "splendid"), R"(status is "splendid", expected "ok", )"},
      {changed("/wall_s", "long"), R"(wall_s is "long", expected a number)"},
      {changed("/session", -1), "session is -1, expected at least 0"},
      {changed("/session", std::int64_t{1} << 32), "session is 4294967296"},
      {changed("/time", Json::array()), "time is [], expected an object"},
      {changed("/time/median_s", "short"), R"(time.median_s is "short", expected a number)"},
      {changed("/time/samples_s", {1.0, 0.0}), "time.samples_s holds 0.0, expected times above 0"},
      {changed("/time/stop", "tired"), R"(time.stop is "tired", expected "rounds", "narrow", "plateau", "cap" or null)"}};
  for (const auto& [line, fault] : damages) {
    CAPTURE(line);
    write_text(path, whole + line + "\n");
    const auto message = refusal([&] { Store(directory, Mode::resume); });
    CHECK(has(message, "line 3 is damaged: " + fault));
    CHECK(read_text(path) == whole + line + "\n");  // what can be restored is left alone
  }
}

TEST_CASE("a full disk gives one line, spoils nothing, and is over when there is room again") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto path = directory + "/records.jsonl", whole = read_text(path);
  auto large = record("large");
  large["payload"] = std::string(5000, 'x');
  Store store(directory, Mode::resume);
  std::string message;
  {
    const FileSizeLimit limit(whole.size() + 1000);
    message = refusal([&] { store.append(large); });
  }
  CHECK(has(message, path + ": File too large"));
  CHECK(has(message, "--resume"));
  CHECK_FALSE(has(message, "\n"));
  CHECK(read_text(path) == whole);
  CHECK(store.find("large") == nullptr);
  store.append(large);
  CHECK(read_records(directory).size() == 3);
}

TEST_CASE("a full disk keeps run.json as it was") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  auto large = run_document();
  large["payload"] = std::string(5000, 'x');
  Store store(directory, Mode::resume);
  {
    const FileSizeLimit limit(1000);
    CHECK(has(refusal([&] { store.write_run(large); }), "run.json: File too large"));
  }
  CHECK(Json::parse(read_text(directory + "/run.json")) == run_document());
}

TEST_CASE("records.jsonl and run.json that are not files are refused, not waited for") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "run");
  std::filesystem::create_symlink("/dev/full", folder / "run/records.jsonl");
  CHECK(has(refusal([&] { Store(folder / "run", Mode::create); }), "not a regular file"));
  for (const char* name : {"/records.jsonl", "/run.json"}) {
    const TemporaryFolder other;
    const auto stored = two_records(other);
    std::filesystem::remove(stored + name);
    REQUIRE(::mkfifo((stored + name).c_str(), 0600) == 0);
    CHECK(has(refusal([&] { Store(stored, Mode::resume); }), std::string(name) + ": it is not a regular file"));
  }
}

TEST_CASE("a digit flipped in a record is one line that names it; lines of older versions have no checksum") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto path = directory + "/records.jsonl", whole = read_text(path);
  for (const char* digit : {"0.25", "0.5"}) {
    auto changed = whole;
    changed[changed.find(digit) + 2] = '7';
    write_text(path, changed);
    CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "line 1 was changed after it was written"));
  }
  auto changed = whole;
  changed[whole.find('\n') - 3] ^= 1;  // in the checksum itself
  write_text(path, changed);
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "line 1 was changed"));
  write_text(path, record("a").dump() + "\n" + record("b").dump() + "\n");
  CHECK(Store(directory, Mode::resume).size() == 2);
}

TEST_CASE("records that are deleted, replaced or cut under a run are noticed") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto path = directory + "/records.jsonl", whole = read_text(path);
  const std::function<void()> deeds[] = {[&] { std::filesystem::remove(path); },
                                         [&] {
                                           write_text(path + ".new", whole);
                                           std::filesystem::rename(path + ".new", path);
                                         },
                                         [&] { std::filesystem::resize_file(path, 10); }};
  const char* words[] = {"was deleted", "was replaced", "was changed"};
  for (int i = 0; i < 3; ++i) {
    write_text(path, whole);
    Store store(directory, Mode::resume);
    deeds[i]();
    CHECK(has(refusal([&] { store.append(record("c")); }), words[i]));
    CHECK(has(refusal([&] { store.write_run(run_document()); }), words[i]));
  }
}

TEST_CASE("a worker that could not start is no verdict on its case: the record goes when the run is resumed") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  auto failed = record("c", "crashed");
  failed["reasons"] = Json::array({"the worker process did not start (Too many open files) after 0.0 s"});
  const auto path = directory + "/records.jsonl";
  write_text(path, read_text(path) + failed.dump() + "\n");
  {
    Store store(directory, Mode::resume);
    CHECK(store.find("c") == nullptr);
    CHECK(store.find("b") != nullptr);
    store.append(record("c"));
  }
  CHECK(Store(directory, Mode::resume).size() == 3);
}

TEST_CASE("a byte order mark and a session that run.json does not list are refused, as the report refuses them") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  const auto path = directory + "/records.jsonl", run = directory + "/run.json", whole = read_text(path),
             mark = std::string("\xef\xbb\xbf");
  write_text(path, mark + whole);
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "records.jsonl begins with a byte order mark"));
  auto stray = record("c");
  stray["session"] = 99;
  write_text(path, whole + stray.dump() + "\n");
  auto document = run_document();
  write_text(run, document.dump());
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "session 99, but run.json lists 1"));
  write_text(run, mark + document.dump());
  CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "run.json begins with a byte order mark"));
}

TEST_CASE("run.json is not written through a link that lies where its temporary file goes") {
  const TemporaryFolder folder;
  const auto directory = two_records(folder);
  write_text(folder / "precious", "mine");
  std::filesystem::create_symlink(folder / "precious", directory + "/run.json.tmp");
  Store(directory, Mode::resume).write_run(run_document());
  CHECK(read_text(folder / "precious") == "mine");
}

TEST_CASE("a folder called inputs that is there before the run is not removed") {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "run/inputs");
  CHECK(has(refusal([&] { Store(folder / "run", Mode::create); }), "inputs exists already"));
}

TEST_CASE("many records at once are stored like one after another") {
  const TemporaryFolder folder;
  Store store(folder / "run", Mode::create);
  store.append_all({record("a"), record("b")});
  CHECK(store.size() == 2);
  CHECK(read_records(folder / "run").size() == 2);
  CHECK_THROWS_AS(store.append_all({record("c"), record("c")}), UserError);
  CHECK_THROWS_AS(store.append_all({record("d"), record("a")}), UserError);
  CHECK(read_records(folder / "run").size() == 2);
  CHECK(store.find("d") == nullptr);
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

TEST_CASE("the file of a lock that nobody holds is no hindrance") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "run");
  write_text(folder / "run/.lock", "12345");
  CHECK_NOTHROW(Store(folder / "run", Mode::create));
}

TEST_CASE("a run that died before it began is begun again") {
  const TemporaryFolder folder;
  { const Store died(folder / "run", Mode::create); }  // no run.json yet, and no record
  CHECK(has(refusal([&] { Store(folder / "run", Mode::resume); }), "no run to resume"));
  CHECK_NOTHROW(Store(folder / "run", Mode::create));
  write_text(folder / "run/records.jsonl", record("a").dump() + "\n");
  CHECK(has(refusal([&] { Store(folder / "run", Mode::create); }), "already holds a run"));
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
  for (const char* text : {"{\"schema_ver", "", "[]", "null"}) {
    write_text(directory + "/run.json", text);
    CHECK(has(refusal([&] { Store(directory, Mode::resume); }), "damaged"));
  }
}

TEST_CASE("a folder that cannot be made or written is refused") {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  CHECK_THROWS_AS(Store(folder / "file", Mode::create), UserError);
  CHECK_THROWS_AS(Store(folder / "file/below", Mode::create), UserError);
  CHECK(has(refusal([&] { Store("/proc/self", Mode::create); }), "cannot write /proc/self/"));  // a folder that refuses root too
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
