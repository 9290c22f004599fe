// Progress: what a run is doing and how long it will still take, on standard error. On a terminal one line that is redrawn;
// elsewhere a plain line now and then.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace attnbench {

/// Where a run stands.
struct ProgressState {
  int done = 0, total = 0;  // pieces of work
  double elapsed = 0;       // seconds since the start
  double left = 0;          // seconds still to go, as forecast (forecast.h)
  std::string current{};    // "time naive n4096"
  std::string last{};       // the newest estimate (estimate_text); "" before there is one
};

/// "[######----------] 12/84  1m20s left  last: linear n1024 1.23 ms ±2 %  time naive b1 h8 n4096 d64 f32", cut to `width` columns
/// of a terminal; control characters in names become spaces.
std::string progress_line(const ProgressState& state, int width);

/// "linear n1024 1.23 ms ±2 %": the median of a case's rounds so far, from the second on with half their range.
std::string estimate_text(const std::string& label, const std::string& problem, std::vector<double> medians);

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
  /// What the newest measurement says (estimate_text).
  void set_last(std::string estimate) { state_.last = std::move(estimate); }
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
