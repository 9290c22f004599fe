// A stored calibration is found again, read whole or not at all, and used only while it holds.
#include "harness/run/calibration_file.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <optional>
#include <tuple>

#include "harness/run/calibrate.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

namespace attnbench {
namespace {

constexpr std::time_t kNow = 1772366400;  // 2026-03-01T12:00:00Z
constexpr std::time_t kDay = 86400;

Calibration example() {
  Calibration c;
  c.machine_id = "m";
  c.attnbench = "0.1.0";
  c.created = "2026-03-01T12:00:00Z";
  c.profile = "quick";
  return c;
}

/// Sets an environment variable (null: unsets it) as long as it lives.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value ? ::setenv(name, value, 1) : ::unsetenv(name);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

TEST_CASE("a calibration lies where the environment says") {
  const Variable home("HOME", "/home/u"), cache("XDG_CACHE_HOME", nullptr), file("ATTNBENCH_CALIBRATION", nullptr);
  CHECK(calibration_path("m") == "/home/u/.cache/attnbench/calibration-m.json");
  {
    const Variable set("XDG_CACHE_HOME", "/cache");
    CHECK(calibration_path("m") == "/cache/attnbench/calibration-m.json");
    const Variable exact("ATTNBENCH_CALIBRATION", "/tmp/c.json");
    CHECK(calibration_path("m") == "/tmp/c.json");
  }
  const Variable homeless("HOME", nullptr);
  CHECK(calibration_path("m") == "");
}

TEST_CASE("a calibration is written with its folders and read back") {
  const TemporaryFolder folder;
  const auto path = folder / "a/b/c.json";
  write_calibration(example(), path);
  const auto back = read_calibration(path);
  REQUIRE(back.has_value());
  CHECK(to_json(*back) == to_json(example()));
  const std::filesystem::directory_iterator files(folder / "a/b");
  CHECK(std::distance(begin(files), end(files)) == 1);  // the temporary file is gone
}

TEST_CASE("a calibration replaces none but calibrations, and a device stays what it is") {
  const TemporaryFolder folder;
  const auto path = folder / "precious.npy";
  for (const char* text : {"my thesis", "{}", "[1]"}) {
    write_text(path, text);
    CHECK(has(refusal([&] { write_calibration(example(), path); }), "is not a calibration"));
    CHECK(read_text(path) == text);
  }
  write_text(path, "");
  write_calibration(example(), path);
  write_calibration(example(), path);
  CHECK(read_calibration(path).has_value());
  write_calibration(example(), "/dev/null");
  CHECK(std::filesystem::is_character_file("/dev/null"));
  CHECK(has(refusal([&] { write_calibration(example(), "/dev/full"); }), "No space left"));
  CHECK(std::filesystem::is_character_file("/dev/full"));
  CHECK_FALSE(read_calibration("/dev/zero").has_value());  // not read for ever
}

TEST_CASE("a calibration that cannot be written is refused with the path") {
  const TemporaryFolder folder;
  write_text(folder / "file", "");
  CHECK(has(refusal([&] { write_calibration(example(), folder / "file/c.json"); }), folder / "file/c.json"));
}

TEST_CASE("a missing or damaged file holds no calibration") {
  const TemporaryFolder folder;
  CHECK_FALSE(read_calibration(folder / "none.json").has_value());
  for (const char* text : {"", "{", "[]", "null", "{\"schema_version\": 1}"}) {
    write_text(folder / "c.json", text);
    INFO(text);
    CHECK_FALSE(read_calibration(folder / "c.json").has_value());
  }
}

TEST_CASE("a calibration holds for 30 days, for its machine and for its version") {
  CHECK(why_stale(example(), {"m", "0.1.0", kNow}) == "");
  CHECK(why_stale(example(), {"m", "0.1.0", kNow + 30 * kDay}) == "");
  CHECK(why_stale(example(), {"m", "0.1.0", kNow + 31 * kDay}) == "31 days old");
  CHECK(has(why_stale(example(), {"other", "0.1.0", kNow}), "another machine"));
  CHECK(why_stale(example(), {"m", "0.2.0", kNow}) == "of attnbench 0.1.0, this is 0.2.0");
  auto undated = example();
  undated.created = "yesterday";
  CHECK(why_stale(undated, {"m", "0.1.0", kNow}) == "without a date");
}

TEST_CASE("a calibration made on a busy machine holds only as long as the machine is about as busy") {
  auto busy = example();
  busy.cores = 2;
  busy.load_1m = 12;
  CHECK(why_stale(busy, {"m", "0.1.0", kNow, 8}) == "");
  CHECK(why_stale(busy, {"m", "0.1.0", kNow, 1}) == "from a busier time (load 12.0 on 2 cores)");
  busy.load_1m = 0.9;
  CHECK(why_stale(busy, {"m", "0.1.0", kNow, 0}) == "");
}

TEST_CASE("a calibration that contradicts itself is of no use, one made beside other work is used once") {
  auto c = example();
  c.cores = c.physical_cores = 2;
  CHECK(usability_of(c).use == Use::keep);
  c.other_work_cores = 1;
  CHECK(usability_of(c).use == Use::once);
  CHECK(usability_of(c).reason == "other work kept 1.0 of 2 cores busy");
  c.fma_peak = {{"AVX2", "f32", 1, {118.2, 0}}, {"AVX2", "f32", 2, {117.6, 0}}};
  CHECK(usability_of(c).use == Use::none);
  CHECK(why_stale(c, {"m", "0.1.0", kNow, 8}) == "invalid: AVX2 f32 gave 117.6 GFLOP/s on 2 threads and 118.2 on 1 thread");
}

TEST_CASE("a calibration that a run has refuted is removed") {
  const TemporaryFolder folder;
  const auto file = folder / "c.json";
  const Variable place("ATTNBENCH_CALIBRATION", file.c_str());
  CHECK_FALSE(discard_calibration());
  write_calibration(example(), file);
  CHECK(discard_calibration());
  CHECK_FALSE(std::filesystem::exists(file));
}

TEST_CASE("calibrating through workers gives every ceiling, in order, and it is used from then on") {
  const TemporaryFolder folder;
  const auto file = folder / "c.json";
  const Variable place("ATTNBENCH_CALIBRATION", file.c_str());
  CHECK_FALSE(usable_calibration(ATTNBENCH_BINARY, WhenStale::leave_out).has_value());

  auto made = calibrate({.self = ATTNBENCH_BINARY, .seconds = 0.01});
  REQUIRE(made.has_value());
  CHECK(made->worker_overhead_s > 0);
  CHECK(made->fork_exec_s > 0);
  CHECK(made->clock_resolution_s > 0);
  CHECK_FALSE(made->sgemm.empty());
  CHECK(schema_violation(read_schema("calibration.schema.json"), to_json(*made)) == "");
  for (const auto& b : made->bandwidth)
    if (b.threads == 1) CHECK(b.gbytes_per_s.best > 0);  // several threads may not come together on a starved machine
  CHECK(std::is_sorted(made->bandwidth.begin(), made->bandwidth.end(), [](const Bandwidth& a, const Bandwidth& b) {
    return std::tie(a.kind, a.threads, a.working_set_bytes) < std::tie(b.kind, b.threads, b.working_set_bytes);
  }));

  made->fma_peak.clear();  // of a hundredth of a second on a busy machine: they may contradict each other
  made->load_1m = 0;
  made->other_work_cores = 0;
  write_calibration(*made, file);
  const auto used = usable_calibration(ATTNBENCH_BINARY, WhenStale::leave_out);
  REQUIRE(used.has_value());
  CHECK(to_json(*used) == to_json(*made));
}

TEST_CASE("calibrating stops when asked to, and says when a worker cannot measure") {
  CHECK_FALSE(calibrate({.self = ATTNBENCH_BINARY, .seconds = 0.01, .keep_going = [] { return false; }}).has_value());
  CHECK_THROWS(calibrate({.self = "/nonexistent", .seconds = 0.01}));
}

}  // namespace
}  // namespace attnbench
