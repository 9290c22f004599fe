#include "harness/run/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "harness/support/median.h"
#include "harness/support/plain_output.h"
#include "harness/support/units.h"

namespace attnbench {
namespace {

constexpr double kRedrawSeconds = 0.2;  // on a terminal
constexpr double kLineSeconds = 10;     // elsewhere
constexpr int kBarWidth = 20;
constexpr int kNarrow = 120;  // columns below which the bar leaves half its room to words

int terminal_width(std::FILE* out) {
  winsize size{};
  return ::ioctl(::fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// The beginning of a UTF-8 text that is at most `columns` wide on a terminal, as one line. Signs of three bytes and more count as
// two columns, as those of East Asia are; that makes a few others wider than they are.
std::string cut(const std::string& text, int columns) {
  std::string line;
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    columns -= bytes > 2 ? 2 : 1;
    if (columns < 0) break;
    line += lead < ' ' || lead == 0x7F ? std::string(" ") : text.substr(at, bytes);
    at += bytes;
  }
  return line;
}

// By time where there is a forecast, else by pieces of work.
double share_done(const ProgressState& state) {
  if (state.left > 0) return std::clamp(state.elapsed / (state.elapsed + state.left), 0.0, 1.0);
  return state.total > 0 ? std::clamp(static_cast<double>(state.done) / state.total, 0.0, 1.0) : 0;
}

}  // namespace

std::string duration_text(double seconds) {
  const auto whole = static_cast<long>(std::llround(std::max(0.0, seconds)));
  if (whole < 60) return fmt::format("{}s", whole);
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole / 60 % 60);
}

std::string progress_line(const ProgressState& state, int width) {
  const int bar = width < kNarrow ? kBarWidth / 2 : kBarWidth;
  const int filled = static_cast<int>(share_done(state) * bar);
  const auto left = state.left > 0 || state.done == state.total ? duration_text(state.left) + " left" : std::string("estimating");
  const auto last = state.last.empty() ? std::string() : "last: " + state.last + "  ";
  return cut(fmt::format("[{:#>{}}{:->{}}] {}/{}  {}  {}{}", "", filled, "", bar - filled, state.done, state.total, left, last,
                         state.current),
             width);
}

std::string estimate_text(const std::string& label, const std::string& problem, std::vector<double> medians) {
  std::sort(medians.begin(), medians.end());
  const double middle = median(medians);
  auto text = label;
  std::istringstream words(problem);
  for (std::string word; words >> word;)
    if (word.starts_with('n')) text += " " + word;  // n1024, or nq1 and nk4096
  text += " " + seconds_text(middle);
  if (medians.size() > 1) text += fmt::format(" ±{:.2g} %", 50 * (medians.back() - medians.front()) / middle);
  return text;
}

Progress::Progress(std::FILE* out) : out_(out), terminal_(::isatty(::fileno(out)) == 1) {}

void Progress::set_left(double seconds) {
  forecast_ = seconds;
  forecast_at_ = Clock::now();
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

void Progress::finish() {
  ++state_.done;
  tick();
}

void Progress::say(const std::string& line) {
  erase();
  std::fprintf(out_, "%s\n", printable(line).c_str());
  if (terminal_) draw();
}

void Progress::end(const std::string& line) {
  erase();
  std::fprintf(out_, "%s\n", printable(line).c_str());
}

void Progress::draw() {
  last_ = Clock::now();
  state_.elapsed = std::chrono::duration<double>(last_ - begin_).count();
  state_.left = std::max(0.0, forecast_ - std::chrono::duration<double>(last_ - forecast_at_).count());
  if (terminal_) {
    std::fprintf(out_, "\r%s\033[K", printable(progress_line(state_, terminal_width(out_) - 1)).c_str());
    drawn_ = true;
  } else {
    std::fprintf(out_, "%s\n", printable(progress_line(state_, 200)).c_str());
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
