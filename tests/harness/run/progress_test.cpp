// If these fail, the progress line lies about how far a run is, or breaks the terminal.
#include "harness/run/progress.h"

#include <cstdio>

#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

ProgressState halfway() { return {.done = 12, .total = 84, .elapsed = 50, .left = 50, .current = "time naive"}; }

}  // namespace

TEST_CASE("durations are short and rounded") {
  CHECK(duration_text(0.2) == "0s");
  CHECK(duration_text(59.4) == "59s");
  CHECK(duration_text(59.6) == "1m00s");
  CHECK(duration_text(80) == "1m20s");
  CHECK(duration_text(7500) == "2h05m");
  CHECK(duration_text(-3) == "0s");
}

TEST_CASE("the line shows share, count, time left and what is running") {
  CHECK(progress_line(halfway(), 200) == "[##########----------] 12/84  50s left  time naive");
  CHECK(progress_line(ProgressState{}, 200) == "[--------------------] 0/0  0s left  ");
  CHECK(progress_line(halfway(), 30).size() == 30);
}

TEST_CASE("the newest estimate stays in view when a narrow line is cut") {
  auto state = halfway();
  state.last = "linear n1024 1.23 ms ±2 %";
  CHECK(progress_line(state, 200) == "[##########----------] 12/84  50s left  last: linear n1024 1.23 ms ±2 %  time naive");
  CHECK(progress_line(state, 68) == "[#####-----] 12/84  50s left  last: linear n1024 1.23 ms ±2 %  time ");
}

TEST_CASE("an estimate is the median of the rounds so far and half their range") {
  CHECK(estimate_text("linear", "b1 h2 n1024 d64 f32 causal", {1.23e-3}) == "linear n1024 1.23 ms");
  CHECK(estimate_text("naive", "b1 h2 nq1 nk64 d64 f32", {1.02e-3, 1e-3, 0.98e-3}) == "naive nq1 nk64 1.00 ms ±2 %");
}

TEST_CASE("a line is cut by columns, between signs, and stays one line") {
  auto state = halfway();
  const std::string head = "[#####-----] 12/84  50s left  ";
  state.current = "µµµµ";
  CHECK(progress_line(state, 32) == head + "µµ");
  state.current = "漢字";  // two columns each
  CHECK(progress_line(state, 33) == head + "漢");
  state.current = "a\nb\x1b[2Jc";
  CHECK(progress_line(state, 100) == head + "a b [2Jc");
  CHECK(progress_line(state, 0).empty());
}

TEST_CASE("before there is a forecast the bar is empty and no time is promised") {
  const ProgressState start{.done = 0, .total = 3, .elapsed = 2, .left = 0, .current = "verify naive"};
  CHECK(progress_line(start, 200) == "[--------------------] 0/3  estimating  verify naive");
  const ProgressState end{.done = 3, .total = 3, .elapsed = 9, .left = 0, .current = ""};
  CHECK(progress_line(end, 200) == "[####################] 3/3  0s left  ");
}

TEST_CASE("without a terminal there are plain lines, and never a control character") {
  const TemporaryFolder folder;
  std::FILE* file = std::fopen((folder / "log").c_str(), "w");
  REQUIRE(file != nullptr);
  Progress progress(file);
  progress.add(2);
  progress.set_left(10.4);
  progress.start("verify naive");
  progress.finish();
  for (int i = 0; i < 100; ++i) progress.tick();  // too soon for another line
  progress.say("crashed: somebody");
  progress.add(-1);
  progress.end("done");
  std::fclose(file);
  CHECK(read_text(folder / "log") == "[--------------------] 0/2  10s left  verify naive\ncrashed: somebody\ndone\n");
}
