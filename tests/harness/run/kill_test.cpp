// If these fail, a run that is killed loses records it had stored, stores some twice, or cannot be carried on.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "harness/run/store.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

// Record number i: now and then one that takes many pages to write, so that some kills land inside a write.
Json record(std::size_t i) {
  auto record = stored_record("r" + std::to_string(i));
  record["payload"] = std::string(i % 8 == 7 ? 200'000 : 300, static_cast<char>('a' + i % 26));
  return record;
}

Json small_record(int i) { return stored_record("text|b1 h8 n1024|naïve|t" + std::to_string(i)); }

// What a killed child does until then: carries on where the folder stands, or begins it; says '.' when it has, and '+' after every
// record that is stored.
[[noreturn]] void append_for_ever(const std::string& directory, int acknowledge) {
  try {
    const bool resume = std::filesystem::exists(directory + "/run.json");
    Store store(directory, resume ? Store::Mode::resume : Store::Mode::create);
    if (!resume) store.write_run(stored_run());
    for (const char* said = "."; ::write(acknowledge, said, 1) == 1; said = "+") store.append(record(store.size()));
    ::_exit(1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    ::_exit(1);
  }
}

// Runs append_for_ever() for that long, from its start or from when it has stored two records. Returns how many records it said
// were stored.
std::size_t append_until_killed(const std::string& directory, std::chrono::microseconds life, bool at_work) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const auto child = ::fork();
  if (child == 0) append_for_ever(directory, ends[1]);
  ::close(ends[1]);
  char said = 0;
  std::size_t acknowledged = 0;
  while (at_work && acknowledged < 2) {
    REQUIRE(::read(ends[0], &said, 1) == 1);
    acknowledged += said == '+';
  }
  std::this_thread::sleep_for(life);
  ::kill(child, SIGKILL);
  while (::read(ends[0], &said, 1) == 1) acknowledged += said == '+';
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFSIGNALED(status));  // it never failed by itself
  return acknowledged;
}

}  // namespace

TEST_CASE("200 kills at random moments lose no record that was stored and repeat none") {
  constexpr int kFolders = 10, kKillsEach = 20;
  std::mt19937_64 random(20261121);
  std::uniform_int_distribution<int> microseconds(0, 12'000);
  std::size_t stored_in_all = 0, torn = 0;
  for (int i = 0; i < kFolders; ++i) {
    const TemporaryFolder folder;
    const auto directory = folder / "run", path = directory + "/records.jsonl";
    std::size_t stored = 0;
    for (int kill = 0; kill < kKillsEach; ++kill) {
      CAPTURE(i, kill);
      const auto acknowledged = append_until_killed(directory, std::chrono::microseconds(microseconds(random)), kill % 2);
      const auto text = read_text(path);
      const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
      torn += !text.empty() && text.back() != '\n';
      CHECK(lines >= stored + acknowledged);      // nothing lost
      CHECK(lines <= stored + acknowledged + 1);  // and at most the record whose acknowledgement was cut off more
      stored = lines;
    }
    { const Store repaired(directory, Store::Mode::resume); }
    const auto records = read_records(directory);
    REQUIRE(records.size() == stored);
    for (std::size_t r = 0; r < records.size(); ++r) REQUIRE(records[r] == record(r));
    stored_in_all += stored;
  }
  INFO(torn << " torn lines");
  CHECK(stored_in_all >= kFolders * kKillsEach);  // two from every other child at the least
}

TEST_CASE("a line torn at any of its bytes is cut off, and its record stored again") {
  const TemporaryFolder folder;
  const auto directory = folder / "run", path = directory + "/records.jsonl";
  {
    Store store(directory, Store::Mode::create);
    store.write_run(stored_run());
    for (int i = 0; i < 3; ++i) store.append(small_record(i));
  }
  const auto whole = read_text(path);
  const auto last = whole.rfind('\n', whole.size() - 2) + 1;
  for (auto size = last; size < whole.size(); ++size) {
    write_text(path, whole.substr(0, size));
    Store store(directory, Store::Mode::resume);
    REQUIRE(store.size() == 2);
    REQUIRE(read_text(path) == whole.substr(0, last));
    store.append(small_record(2));
    REQUIRE(read_text(path) == whole);
  }
}

TEST_CASE("run.json is there whole or not at all, whenever the process is killed") {
  // It is written beside and renamed: what a kill leaves at any byte of the copy is never read.
  const TemporaryFolder folder;
  const auto directory = folder / "run";
  const Json run = stored_run();
  {
    Store store(directory, Store::Mode::create);
    store.write_run(run);
  }
  const auto text = read_text(directory + "/run.json");
  for (std::size_t size = 0; size <= text.size(); ++size) {
    write_text(directory + "/run.json.tmp", text.substr(0, size));
    Store store(directory, Store::Mode::resume);
    CHECK(store.resumed_run() == run);
  }
  std::filesystem::remove(directory + "/run.json");  // killed before the very first rename
  Store store(directory, Store::Mode::create);
  store.write_run(run);
  CHECK(read_text(directory + "/run.json") == text);
}
