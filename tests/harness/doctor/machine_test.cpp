// The doctor's verdict on a machine: quiet settings are OK, each bad one is named with what to do about it.
#include "harness/doctor/machine.h"

#include <algorithm>
#include <cerrno>

#include "harness/doctor/clock.h"
#include "harness/doctor/synthetic.h"
#include "harness/support/json.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

namespace attnbench {
namespace {

MachineFacts quiet() {
  MachineFacts f;
  f.governor = "performance";
  f.turbo = "off";
  f.cores = f.online = 4;
  f.huge_pages = "madvise";
  f.openblas_core = "SkylakeX";
  f.isa = "AVX3";
  return f;
}

Check check_of(const MachineFacts& facts, const std::string& name) {
  const auto checks = judge_machine(facts);
  return *std::find_if(checks.begin(), checks.end(), [&](const Check& check) { return check.name == name; });
}

TEST_CASE("a quiet machine has nothing to be told") {
  for (const auto& check : judge_machine(quiet())) {
    INFO(check.name);
    CHECK(check.health == Health::ok);
    CHECK(check.advice.empty());
  }
}

TEST_CASE("that hardware counters are missing is said with the reason, and is no fault") {
  const auto found = [](int error, int paranoid) {
    auto facts = quiet();
    facts.counters_error = error;
    facts.perf_paranoid = paranoid;
    const auto check = check_of(facts, "hardware counters");
    CHECK(check.health == Health::ok);
    return check.found;
  };
  CHECK(found(0, 3).starts_with("can be used"));
  CHECK(found(EACCES, 3) == "not permitted, as kernel.perf_event_paranoid is 3: sysctl kernel.perf_event_paranoid=2 permits them");
  CHECK(found(EPERM, 2).find("a container may forbid") != std::string::npos);
  CHECK(found(ENOSYS, 2).find("without perf events") != std::string::npos);
  CHECK(found(ENOENT, 2).starts_with("none here, or a hypervisor does not pass them on (No such file"));
}

TEST_CASE("a load that no other work explains is what ran a minute ago") {
  auto facts = quiet();
  facts.load = 5;
  facts.other_work_cores = 0.1;
  CHECK(check_of(facts, "load").health == Health::ok);
  facts.other_work_cores = 2;
  CHECK(check_of(facts, "load").health == Health::fail);
}

TEST_CASE("each setting that makes times scatter is named with a remedy") {
  struct Row {
    std::string name;
    Health health;
    void (*spoil)(MachineFacts& facts);
    std::string in_advice;
  };
  const std::vector<Row> rows = {
      {"governor", Health::warn, [](MachineFacts& f) { f.governor = "powersave"; }, "cpupower"},
      {"turbo", Health::warn, [](MachineFacts& f) { f.turbo = "on"; }, "boost"},
      {"hardware threads", Health::warn, [](MachineFacts& f) { f.siblings = 2; }, "at most 2 threads"},
      {"load", Health::warn, [](MachineFacts& f) { f.load = 2; }, "stop other work"},
      {"load", Health::fail, [](MachineFacts& f) { f.load = 5; }, "stop them"},
      {"steal", Health::warn, [](MachineFacts& f) { f.steal = 0.1; }, "rigorous"},
      {"huge pages", Health::warn, [](MachineFacts& f) { f.huge_pages = "never"; }, "madvise"},
      {"swap", Health::warn, [](MachineFacts& f) { f.swap_used = 1e9; }, "swapoff"},
      {"cpu quota", Health::fail, [](MachineFacts& f) { f.cpu_quota = 1.5; }, "raise it"},
      {"build", Health::fail, [](MachineFacts& f) { f.build_type = "Debug"; }, "release"},
      {"build", Health::fail, [](MachineFacts& f) { f.sanitized = true; }, "release"},
      {"OpenBLAS", Health::fail, [](MachineFacts& f) { f.openblas_parallel = 0; }, "libopenblas-pthread-dev"},
      {"OpenBLAS", Health::fail, [](MachineFacts& f) { f.openblas_parallel = 2; }, "libopenblas-pthread-dev"},
      {"OpenBLAS", Health::warn, [](MachineFacts& f) { f.openblas_core = "Prescott"; }, "OPENBLAS_CORETYPE"}};
  for (const auto& row : rows) {
    auto facts = quiet();
    row.spoil(facts);
    const auto check = check_of(facts, row.name);
    INFO(row.name << ": " << check.found << " -> " << check.advice);
    CHECK(check.health == row.health);
    CHECK(has(check.advice, row.in_advice));
  }
}

TEST_CASE("a quota that grants every core and a governor nobody can read are no reason for alarm") {
  auto facts = quiet();
  facts.cpu_quota = 4;
  facts.governor = "unknown";
  CHECK(check_of(facts, "cpu quota").health == Health::ok);
  CHECK(check_of(facts, "governor").health == Health::ok);
}

TEST_CASE("this machine can be read") {
  const auto facts = read_machine();
  CHECK(facts.cores >= 1);
  CHECK(facts.online >= facts.cores);
  CHECK(facts.siblings >= 1);
  CHECK(facts.steal >= 0);
  CHECK(facts.steal <= 1);
  CHECK(judge_machine(facts).size() == judge_machine(quiet()).size());
}

TEST_CASE("a coarse clock is a warning and one that goes backwards a failure") {
  CHECK(judge_clock({20e-9, 0, 1000})[0].health == Health::ok);
  CHECK(judge_clock({20e-9, 0, 1000})[1].health == Health::ok);
  CHECK(judge_clock({1e-3, 0, 1000})[0].health == Health::warn);
  CHECK(judge_clock({20e-9, 1, 1000})[1].health == Health::fail);
}

TEST_CASE("this machine's clock does not go backwards") {
  const auto facts = read_clock();
  CHECK(facts.resolution_s > 0);
  CHECK(facts.readings > 0);
  CHECK(facts.backward_steps == 0);
}

TEST_CASE("checks are shown by group, with their advice, and counted") {
  const std::vector<Check> checks{{"machine", "load", Health::ok, "0.1", ""},
                                  {"clock", "monotonic", Health::fail, "3 steps", "another clock"}};
  const auto text = checks_text(checks);
  CHECK(has(text, "machine\n  OK    load       0.1\n"));
  CHECK(has(text, "clock\n  FAIL  monotonic  3 steps\n"));
  CHECK(has(text, "-> another clock\n"));
  CHECK(has(text, "1 OK, 0 WARN, 1 FAIL"));
  CHECK(any_failed(checks));
  CHECK_FALSE(any_failed({checks[0]}));
  CHECK(to_json(checks)[1] ==
        Json{{"group", "clock"}, {"name", "monotonic"}, {"health", "FAIL"}, {"found", "3 steps"}, {"advice", "another clock"}});
}

TEST_CASE("advice that the check before gave already is not repeated") {
  const Check noisy{"noise", "calls", Health::warn, "5 %", "be quiet"};
  const auto text = checks_text({noisy, noisy, {"noise", "other", Health::warn, "5 %", "be louder"}, noisy});
  CHECK(text.find("be quiet") != text.rfind("be quiet"));
  CHECK(has(text, "be quiet\n  WARN  calls  5 %\n  WARN  other  5 %\n"));
}

TEST_CASE("only workers know the synthetic variant") {
  CHECK(find_worker_variant("doctor_synthetic") == &kSynthetic);
  CHECK(find_worker_variant("naive") == find_variant("naive"));
  CHECK(find_worker_variant("no such") == nullptr);
  CHECK(find_variant("doctor_synthetic") == nullptr);
}

}  // namespace
}  // namespace attnbench
