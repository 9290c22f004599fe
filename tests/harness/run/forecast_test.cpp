// If these fail, the time left that a run shows is wrong by more than a factor 1.5 after its first minute. Durations are made up
// and the clock is a sum of them; nothing here waits.
#include "harness/run/forecast.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <random>

#include "harness/planning/case.h"
#include "harness/planning/cost_model.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/plan.h"
#include "harness/run/schedule.h"
#include "tests/catch.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

// A sweep over lengths, as the orchestrator would go through it: by length, each case verified, timed and weighed.
Plan sweep(const std::vector<const char*>& variants, Profile profile, std::int64_t longest) {
  Plan plan;
  plan.sampling = sampling_for(profile);
  for (std::int64_t n = 128; n <= longest; n *= 2) {
    const auto workload = make_workload("gaussian", parse_problem("b1 h2 d64 n" + std::to_string(n)));
    plan.groups.emplace_back();
    for (const auto* name : variants) {
      const auto* variant = find_variant(name);
      REQUIRE(variant != nullptr);
      Case bench_case{.workload = workload, .config = {variant, Params(variant->params)}};
      bench_case.prior = bench_case.prediction = predict(bench_case);
      plan.groups.back().cases.push_back(bench_case);
    }
  }
  return plan;
}

// A machine unlike the prior: how long a call really takes, and everything around it.
struct Machine {
  std::map<std::string, double> slower;  // than the prior says, per variant
  double growth = 0;                     // further exponent of the prior time: caches that stop helping
  double overhead = 1;                   // of process starts and oracles, times the prediction
  double noise = 0.1;
  int rounds = 0;  // after which the stop rule ends a case; 0 for all
};

struct Piece {
  JobKind kind;
  std::size_t at;  // case
  double actual;   // seconds
};

// All pieces of work of the plan, with durations.
std::vector<Piece> pieces_of(const Plan& plan, const Machine& machine, std::vector<double>& calls) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  std::vector<Piece> pieces;
  const auto cases = plan.cases();
  for (std::size_t at = 0; at < cases.size(); ++at) {
    auto truth = *cases[at];
    const double ratio = machine.slower.at(truth.config.variant->name) * std::pow(truth.prior.seconds / 1e-3, machine.growth);
    truth.prediction.seconds = truth.prior.seconds * ratio * std::exp(machine.noise * normal(random));
    calls.push_back(truth.prediction.seconds);
    const auto seconds = estimate_case_time(truth, plan.sampling);
    pieces.push_back({JobKind::verify, at, machine.overhead * seconds.verify});
    const int planned = machine.rounds > 0 ? machine.rounds : plan.sampling.rounds;
    const int within_cap = static_cast<int>(std::ceil(plan.sampling.cap_seconds / seconds.round));
    for (int round = 0; round < std::min(planned, within_cap); ++round) pieces.push_back({JobKind::time, at, seconds.round});
    pieces.push_back({JobKind::memory, at, machine.overhead * seconds.memory});
  }
  return pieces;
}

double seconds_ahead(const Plan& plan, const Forecast& forecast, std::size_t from) {
  double seconds = 0;
  const auto cases = plan.cases();
  for (std::size_t at = from; at < cases.size(); ++at) {
    const auto& point = *cases[at];
    seconds +=
        forecast.seconds(JobKind::verify, point) + forecast.seconds_of_rounds(point, {}) + forecast.seconds(JobKind::memory, point);
  }
  return seconds;
}

// Lets the run go on for a minute of its own clock and compares what it then says is left with what really is, at every later case.
// The largest factor between the two, over all cases that start before the last tenth of the run.
double worst_factor(Plan plan, const Machine& machine) {
  std::vector<double> calls;
  const auto cases = plan.cases();
  const auto pieces = pieces_of(plan, machine, calls);
  double left = 0, whole = 0, clock = 0, worst = 1;
  for (const auto& piece : pieces) whole += piece.actual;
  left = whole;
  Forecast forecast(plan.sampling);
  FittedModel model;
  RoundsSoFar so_far;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto& piece = pieces[i];
    if (piece.kind == JobKind::verify) {
      for (std::size_t at = piece.at; at < cases.size(); ++at) cases[at]->prediction = model.predict(*cases[at]);
      const double said = seconds_ahead(plan, forecast, piece.at);
      if (clock > 60 && left > whole / 10) worst = std::max({worst, said / left, left / said});
      so_far = {};
    }
    forecast.learn(piece.kind, *cases[piece.at], piece.actual);
    if (piece.kind == JobKind::time) {
      model.learn(*cases[piece.at], calls[piece.at]);
      ++so_far.rounds;
      so_far.seconds += piece.actual;
    }
    if (piece.kind == JobKind::memory) forecast.learn_rounds(so_far);
    clock += piece.actual;
    left -= piece.actual;
  }
  REQUIRE(clock > 180);  // else the test says little
  return worst;
}

const std::vector<const char*> kVariants{"naive", "blockwise", "linear", "sliding_window"};

Machine machine_of(double naive, double blockwise, double linear, double window) {
  return {.slower = {{"naive", naive}, {"blockwise", blockwise}, {"linear", linear}, {"sliding_window", window}}};
}

}  // namespace

TEST_CASE("after a minute the time left is right within a factor 1.5, however wrong the prior") {
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine_of(1, 1, 1, 1)) < 1.5);
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine_of(0.2, 0.2, 0.2, 0.2)) < 1.5);
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine_of(4, 4, 4, 4)) < 1.5);
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine_of(0.1, 3, 5, 0.5)) < 1.5);
}

TEST_CASE("the forecast holds where processes start slowly and where calls grow faster than declared") {
  auto machine = machine_of(0.5, 2, 1, 1);
  machine.overhead = 3;
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine) < 1.5);
  machine.overhead = 1;
  machine.growth = 0.05;  // 1.4 times slower than the probes say after three decades
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine) < 1.5);
}

TEST_CASE("rounds that the stop rule saves are no longer counted on") {
  auto machine = machine_of(1, 1, 1, 1);
  machine.rounds = 6;  // of ten
  CHECK(worst_factor(sweep(kVariants, Profile::standard, 16384), machine) < 1.5);
}

TEST_CASE("a piece of work is forecast as predicted until its kind has shown another pace") {
  const auto plan = sweep({"naive"}, Profile::quick, 128);
  const auto& one = *plan.cases().front();
  Forecast forecast(plan.sampling);
  const double predicted = predicted_job_seconds(JobKind::memory, one, plan.sampling);
  CHECK(forecast.seconds(JobKind::memory, one) == Approx(predicted));
  for (int i = 0; i < 200; ++i) forecast.learn(JobKind::memory, one, 2 * predicted);
  CHECK(forecast.seconds(JobKind::memory, one) == Approx(2 * predicted).epsilon(0.1));
  CHECK(forecast.seconds(JobKind::verify, one) == Approx(predicted_job_seconds(JobKind::verify, one, plan.sampling)));
}

TEST_CASE("the cap bounds what the rounds of a case are forecast to take") {
  auto plan = sweep({"naive"}, Profile::standard, 128);
  auto& one = *plan.cases().front();
  one.prediction.seconds = 6;
  const Forecast forecast(plan.sampling);
  CHECK(forecast.seconds_of_rounds(one, {}) == Approx(60));
  CHECK(forecast.seconds_of_rounds(one, {.rounds = 1, .seconds = 31, .medians = {6}}) ==
        Approx(estimate_case_time(one, plan.sampling).round));
  one.prediction.seconds = 0.001;
  CHECK(forecast.seconds_of_rounds(one, {.rounds = 9, .seconds = 3, .medians = {}}) ==
        Approx(estimate_case_time(one, plan.sampling).round));
}
