#include "harness/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

namespace attnbench {
namespace {

constexpr double kRedrawSeconds = 0.2;  // on a terminal
constexpr double kLineSeconds = 10;     // elsewhere
constexpr int kBarWidth = 20;
constexpr double kTrustSeconds = 5;  // of predicted work done before the prediction is corrected in full

int terminal_width(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

double remaining_seconds(const ProgressState& state) {
  const double ahead = std::max(0.0, state.total_predicted - state.done_predicted);
  // (elapsed + trust) / (predicted + trust): near 1 at first, the true ratio once enough has been seen.
  const double correction = (state.elapsed + kTrustSeconds) / (state.done_predicted + kTrustSeconds);
  return ahead * correction;
}

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

std::string progress_line(const ProgressState& state, int width) {
  const double share = state.total_predicted > 0 ? std::clamp(state.done_predicted / state.total_predicted, 0.0, 1.0) : 0;
  const int filled = static_cast<int>(share * kBarWidth);
  auto line = fmt::format("[{:#>{}}{:->{}}] {}/{}  {} left  {}", "", filled, "", kBarWidth - filled, state.done, state.total,
                          duration_text(remaining_seconds(state)), state.current);
  if (static_cast<int>(line.size()) > width) line.resize(static_cast<std::size_t>(width));
  return line;
}

Progress::Progress(std::FILE* out) : out_(out), terminal_(::isatty(::fileno(out)) == 1) {}

void Progress::add(int count, double seconds) {
  state_.total += count;
  state_.total_predicted += seconds;
}

void Progress::start(const std::string& what) {
  state_.current = what;
  tick();
}

void Progress::tick() {
  const std::chrono::duration<double> since = Clock::now() - last_;
  if (since.count() < (terminal_ ? kRedrawSeconds : kLineSeconds)) return;
  draw();
}

void Progress::finish(double predicted) {
  ++state_.done;
  state_.done_predicted += predicted;
  tick();
}

void Progress::say(const std::string& line) {
  erase();
  std::fprintf(out_, "%s\n", line.c_str());
  if (terminal_) draw();
}

void Progress::end(const std::string& line) {
  erase();
  std::fprintf(out_, "%s\n", line.c_str());
}

void Progress::draw() {
  last_ = Clock::now();
  state_.elapsed = std::chrono::duration<double>(last_ - begin_).count();
  if (terminal_) {
    std::fprintf(out_, "\r%s\033[K", progress_line(state_, terminal_width(out_) - 1).c_str());
    drawn_ = true;
  } else {
    std::fprintf(out_, "%s\n", progress_line(state_, 200).c_str());
  }
  std::fflush(out_);
}

void Progress::erase() {
  if (!drawn_) return;
  std::fputs("\r\033[K", out_);
  std::fflush(out_);
  drawn_ = false;
}

}  // namespace attnbench
