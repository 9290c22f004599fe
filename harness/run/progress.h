// Progress: what a run is doing and how long it will still take, on standard error. On a terminal one line that is redrawn;
// elsewhere a plain line now and then.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>

namespace attnbench {

/// Where a run stands.
struct ProgressState {
  int done = 0, total = 0;  // pieces of work
  double elapsed = 0;       // seconds since the start
  double left = 0;          // seconds still to go, as forecast (forecast.h)
  std::string current;      // "time naive n4096"
};

/// "[######----------] 12/84  1m20s left  time naive b1 h8 n4096 d64 f32", cut to `width` columns.
std::string progress_line(const ProgressState& state, int width);

/// "45s", "1m20s", "2h05m".
std::string duration_text(double seconds);

class Progress {
 public:
  /// Draws on `out` when it is a terminal, else writes lines.
  explicit Progress(std::FILE* out);
  /// More pieces of work were found; or, below zero, are not needed after all.
  void add(int count) { state_.total += count; }
  /// What the forecast says now. Until it says something new the clock runs down from there.
  void set_left(double seconds);
  void start(const std::string& what);
  /// Redraws when it is time to; called while a worker runs.
  void tick();
  /// The piece begun with start() is done.
  void finish();
  /// Writes a line of its own above the progress line.
  void say(const std::string& line);
  const ProgressState& state() const { return state_; }
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
  double forecast_ = 0;     // seconds left, as of forecast_at_
  Clock::time_point forecast_at_ = begin_;
};

}  // namespace attnbench
