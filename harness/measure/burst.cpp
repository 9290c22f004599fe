#include "harness/measure/burst.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "harness/measure/timer.h"
#include "harness/support/median.h"

namespace attnbench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kRise = 0.01;  // a best raised by less counts as the same
constexpr double kNear = 0.02;  // of the best: a try that confirms it
constexpr int kConfirmations = 3;
constexpr auto kPatienceForThreads = std::chrono::milliseconds(200);
constexpr int kSpins = 1000;  // before waiting gives the core away, which a machine with more threads than cores needs

// Where the threads of a burst wait for each other.
class StartLine {
 public:
  explicit StartLine(int threads) : missing_(threads) {}

  /// False when somebody did not come; then it is false for everybody.
  bool wait() {
    if (missing_.fetch_sub(1) == 1) decide(kGo);
    const auto deadline = Clock::now() + kPatienceForThreads;
    for (int i = 0; state_.load() == kWaiting; ++i) {
      if (i < kSpins) continue;
      std::this_thread::yield();
      if (Clock::now() > deadline) decide(kGivenUp);
    }
    return state_.load() == kGo;
  }

 private:
  enum State { kWaiting, kGo, kGivenUp };
  void decide(State state) {
    State expected = kWaiting;
    state_.compare_exchange_strong(expected, state);
  }
  std::atomic<int> missing_;
  std::atomic<State> state_{kWaiting};
};

struct Span {
  Clock::time_point start, end;
};

}  // namespace

std::optional<double> time_burst(const Parallel& parallel, const std::function<void(int)>& work) {
  std::vector<Span> spans(static_cast<std::size_t>(parallel.threads()));
  StartLine line(parallel.threads());
  std::atomic<bool> together{true};
  parallel.for_each(parallel.threads(), [&](std::int64_t i, int) {
    if (!line.wait()) {
      together = false;
      return;
    }
    auto& span = spans[static_cast<std::size_t>(i)];
    span.start = Clock::now();
    work(static_cast<int>(i));
    span.end = Clock::now();
  });
  if (!together) return std::nullopt;
  const auto by_start = [](const Span& a, const Span& b) { return a.start < b.start; };
  const auto by_end = [](const Span& a, const Span& b) { return a.end < b.end; };
  const auto first = std::min_element(spans.begin(), spans.end(), by_start)->start;
  const auto last = std::max_element(spans.begin(), spans.end(), by_end)->end;
  return std::chrono::duration<double>(last - first).count();
}

void BurstStats::add(double rate) {
  ++count_;
  if (!(rate > 0)) return;
  rates_.push_back(rate);
  if (rate <= level_ * (1 + kRise)) return;
  level_ = rate;
  last_rise_ = count_;
}

Ceiling BurstStats::ceiling() const {
  if (rates_.empty()) return {};
  const double best = *std::max_element(rates_.begin(), rates_.end());
  return {best, (best - median(rates_)) / best};
}

bool BurstStats::settled(int patience) const {
  const double best = ceiling().best;
  const auto near = std::count_if(rates_.begin(), rates_.end(), [&](double rate) { return rate >= (1 - kNear) * best; });
  return near >= kConfirmations && count_ >= last_rise_ + patience;
}

std::vector<Ceiling> best_of(const std::vector<Burst>& bursts, int patience, double budget_seconds) {
  const auto start = Clock::now();
  const auto left = [&] { return std::chrono::duration<double>(Clock::now() - start).count() < budget_seconds; };
  std::vector<BurstStats> tries(bursts.size());
  bool trying = true;
  for (int turn = 0; trying && (turn < kConfirmations || left()); ++turn) {
    trying = false;
    for (std::size_t i = 0; i < bursts.size(); ++i) {
      if (tries[i].settled(patience)) continue;
      tries[i].add(bursts[i]());
      trying = true;
    }
  }
  std::vector<Ceiling> ceilings;
  ceilings.reserve(tries.size());
  for (const auto& one : tries) ceilings.push_back(one.ceiling());
  return ceilings;
}

}  // namespace attnbench
