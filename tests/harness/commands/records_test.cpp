// The table that a run ends with: times that can be believed, and words where there is none.
#include "harness/commands/records.h"

#include "harness/commands/calibration_text.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

namespace attnbench {
namespace {

Json record(const std::string& kind, const std::string& variant, int round) {
  auto json = stored_record("gaussian|b1 h1 n16 d8 f32|" + variant + "|t1|" + kind + "|r" + std::to_string(round), kind);
  json["variant"] = variant;
  return json;
}

Json timed(const std::string& variant, int round, double seconds, bool above_ceiling) {
  auto json = record("time", variant, round);
  json["time"]["median_s"] = seconds;
  json["time"]["above_ceiling"] = above_ceiling;
  return json;
}

std::string summary_of(const std::vector<Json>& records) {
  const TemporaryFolder folder;
  std::string lines;
  for (const auto& one : records) lines += one.dump() + "\n";
  write_text(folder / "records.jsonl", lines);
  return summary_text(folder / ".");
}

TEST_CASE("the summary shows the median of the rounds") {
  const auto text = summary_of({record("verify", "naive", 0), timed("naive", 0, 1e-3, false), timed("naive", 1, 3e-3, false),
                                timed("naive", 2, 2e-3, false)});
  CHECK(has(text, "2.00 ms"));
  CHECK_FALSE(has(text, "above_ceiling"));
}

TEST_CASE("a result above the machine's ceiling is an error of measurement and never a time") {
  const auto text = summary_of({record("verify", "naive", 0), timed("naive", 0, 1e-3, true), timed("naive", 1, 1e-3, false),
                                record("verify", "blockwise", 0), timed("blockwise", 0, 4e-3, false)});
  CHECK_FALSE(has(text, "1.00 ms"));
  CHECK(has(text, "above_ceiling\nblockwise"));
  CHECK(has(text, "faster than this machine can be"));
  CHECK(has(text, "4.00 ms"));
}

TEST_CASE("one round of many above the ceiling does not take the case's time away") {
  const auto text = summary_of({record("verify", "naive", 0), timed("naive", 0, 1e-3, true), timed("naive", 1, 2e-3, false),
                                timed("naive", 2, 2e-3, false)});
  CHECK(has(text, "2.00 ms"));
}

Calibration example() {
  Calibration c;
  c.cpu_model = "A CPU";
  c.cores = 2;
  c.profile = "quick";
  c.created = "2026-03-01T12:00:00Z";
  c.fma_peak = {{"AVX2", "f32", 1, {115, 0.031}}, {"AVX2", "f32", 2, {0, 0}}};
  c.bandwidth = {{"read", 1, 16384, {221.4, 0.5}}};
  return c;
}

TEST_CASE("ceilings are shown with their spread, a column per thread count, and starved ones in words") {
  const auto text = calibration_text(example());
  CHECK(has(text, "1 THREAD  SPREAD  2 THREADS  SPREAD\n"));
  CHECK(has(text, "AVX2 f32           115     3 %    starved\n"));
  CHECK(has(text, "16.0 KiB          221    50 %\n"));
  CHECK_FALSE(has(text, "busy"));
}

TEST_CASE("a calibration of a busy machine says so") {
  auto calibration = example();
  calibration.other_work_cores = 1.25;
  CHECK(has(calibration_text(calibration), "The machine was busy (other work kept 1.2 of"));
}

}  // namespace
}  // namespace attnbench
