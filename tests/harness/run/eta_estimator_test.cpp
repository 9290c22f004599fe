// If these fail, the progress bar ends short of its total or beyond it, or promises work that is not done.
#include "harness/run/eta_estimator.h"

#include <cstdio>
#include <memory>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/run/record.h"
#include "tests/catch.h"
#include "tests/harness/fault_variants/fault_variants.h"
#include "tests/harness/harness_test_support.h"

using namespace attnbench;

namespace {

// A run of a plan without its workers: each piece of work takes the second that it is said to take.
struct DryRun {
  explicit DryRun(const Plan& given) : plan(given), groups(groups_of(plan)) {}

  void piece(JobKind kind, const Case& point, int round = 0) {
    JobResult result;
    result.wall_seconds = 1;
    if (kind == JobKind::time)
      result.measured = TimedRound{.timing = {.samples_s = {0.001}, .iterations = {1}, .involuntary_switches = {0}}};
    if (kind != JobKind::inputs)
      store.append(make_record({point, kind, round, 1, 1, 0, CacheMode::hot}, result, "2026-01-01T00:00:00Z"));
    eta.done(kind, point, 1.0);
    ++done;
  }

  void visit(std::size_t place, int round, bool make_inputs) {
    eta.begin_group(place);
    if (make_inputs) piece(JobKind::inputs, *groups[place].front());
    for (const auto* point : groups[place]) {
      if (ledger.verify_due(*point)) piece(JobKind::verify, *point);
      if (ledger.next_round(*point) == round) piece(JobKind::time, *point, round);
      if (!ledger.next_round(*point) && ledger.memory_due(*point)) piece(JobKind::memory, *point);
    }
    eta.end_group();
  }

  const Plan plan;
  std::vector<Cases> groups;
  TemporaryFolder folder;
  Store store{folder / "run", Store::Mode::create};
  Ledger ledger{plan, store, false};
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> out{std::tmpfile(), std::fclose};
  Progress progress{out.get()};
  EtaEstimator eta{plan, ledger, progress};
  int done = 0;
};

}  // namespace

TEST_CASE("what is announced is what is done, with inputs kept and with inputs made in every round") {
  auto plan = fault_plan({"steady", "slow"}, {4, 8, 16});
  plan.sampling.rounds = 4;
  DryRun run(plan);
  run.eta.announce(run.groups, {true, true, false});
  const int announced = run.progress.state().total;
  CHECK(announced == 6 * (1 + 4 + 1) + 1 + 1 + 4);
  for (int round = 0; round < 4; ++round)
    for (const auto place : group_order(3, 1, round)) run.visit(place, round, place == 2 || round == 0);
  CHECK(run.done == announced);
  CHECK(run.progress.state().done == announced);
  CHECK(run.progress.state().total == announced);
}
