// Progress: what a run is doing and how long it will still take, on standard error. On a terminal one line that is redrawn;
// elsewhere a plain line now and then.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

namespace attnbench {

/// Where a run stands. Seconds of work are the cost model's, corrected by what was seen so far.
struct ProgressState {
  int done = 0, total = 0;    // pieces of work
  double done_predicted = 0;  // predicted seconds of what is done
  double total_predicted = 0;
  double elapsed = 0;   // seconds since the start
  std::string current;  // "time naive n4096"
};

/// Seconds still to go: what was predicted for the rest, times how wrong the prediction was so far.
double remaining_seconds(const ProgressState& state);

/// "[######----------] 12/84  1m20s left  time naive b1 h8 n4096 d64 f32", cut to `width` columns.
std::string progress_line(const ProgressState& state, int width);

/// "45s", "1m20s", "2h05m".
std::string duration_text(double seconds);

class Progress {
 public:
  /// Draws on `out` when it is a terminal, else writes lines.
  explicit Progress(std::FILE* out);
  /// More work was found: `count` pieces of `seconds` together.
  void add(int count, double seconds);
  /// Work that is not needed after all.
  void drop(int count, double seconds) { add(-count, -seconds); }
  void start(const std::string& what);
  /// Redraws when it is time to; called while a worker runs.
  void tick();
  /// The piece begun with start() is done; it had been predicted to take `predicted` seconds.
  void finish(double predicted);
  /// Writes a line of its own above the progress line.
  void say(const std::string& line);
  /// Replaces the progress line by a last one.
  void end(const std::string& line);

 private:
  void draw();
  void erase();

  using Clock = std::chrono::steady_clock;
  std::FILE* out_;
  bool terminal_;
  bool drawn_ = false;
  ProgressState state_;
  Clock::time_point begin_ = Clock::now();
  Clock::time_point last_;  // when something was last written
};

}  // namespace attnbench
