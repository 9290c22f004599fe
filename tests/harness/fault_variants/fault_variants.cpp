#include "tests/harness/fault_variants/fault_variants.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>
#include <thread>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/protocol/job.h"
#include "harness/support/process.h"
#include "variants/api/registry.h"

namespace attnbench {
namespace {

void attend(const RunTask& task) { find_variant("naive")->run(task); }

void slow(const RunTask& task) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  attend(task);
}

void segfaults(const RunTask& task) {
  const_cast<float&>(*task.inputs.queries().data) = 0;  // inputs are mapped read-only
}

void is_killed(const RunTask&) { ::kill(::getpid(), SIGKILL); }

void aborts(const RunTask&) { std::abort(); }

void hangs(const RunTask&) {
  while (true) ::pause();
}

void babbles(const RunTask&) {
  answer("{\"status\":\"ok\", nonsense");
  ::_exit(0);
}

// A worker's answer as it should look, but to a job that nobody gave it.
std::string result_of_another_job() {
  JobResult result;
  result.job = 1;
  return to_line(result);
}

// Says exactly this on the answer pipe and leaves content.
[[noreturn]] void answer_bytes(const std::string& bytes) {
  ::_exit(::write(kAnswerDescriptor, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) ? 0 : 8);
}

void answers_zeros(const RunTask&) { answer_bytes(std::string(4096, '\0')); }

void answers_half(const RunTask&) { answer_bytes(result_of_another_job().substr(0, 40)); }

void answers_for_another(const RunTask&) { answer_bytes(result_of_another_job() + "\n"); }

void answers_early(const RunTask& task) {
  answer("{}");
  attend(task);
}

// Gigabytes, if it were let.
void flood(int descriptor) {
  static const std::string water(1 << 16, 'w');
  while (::write(descriptor, water.data(), water.size()) >= 0) {
  }
}

void floods_answer(const RunTask&) { flood(kAnswerDescriptor); }

void floods_output(const RunTask&) { flood(STDOUT_FILENO); }

// Hangs where nobody can hear that it still lives.
void falls_silent(const RunTask& task) {
  for (int descriptor = 0; descriptor <= kAnswerDescriptor; ++descriptor) ::close(descriptor);
  hangs(task);
}

void leaks(const RunTask& task) {
  static std::vector<char*> lost;
  lost.push_back(new char[std::size_t{64} << 20]);  // untouched: it counts against the limit and costs the machine nothing
  attend(task);
}

void leaves(const RunTask&) { ::_exit(7); }

void eats_memory(const RunTask&) {
  std::vector<char> food(std::size_t{2} << 30);      // more than fault_plan() allows, less than any machine has
  asm volatile("" : : "r"(food.data()) : "memory");  // clang leaves out memory that nobody can see
}

void throws(const RunTask&) { throw std::runtime_error("thrown by a test"); }

void is_wrong(const RunTask& task) {
  attend(task);
  task.out().row(0, 0, 0)[0] += 1;
}

// Right until the test says so, as another binary might be.
void turns_wrong(const RunTask& task) {
  attend(task);
  if (std::getenv("ATTNBENCH_TEST_TURNED") != nullptr) task.out().row(0, 0, 0)[0] += 1;
}

// Right while it is verified, which takes two calls; then it dies.
void dies_when_timed(const RunTask& task) {
  static int calls = 0;
  if (++calls > 2) std::abort();
  attend(task);
}

std::map<std::string, Variant, std::less<>> make_variants() {
  const std::map<const char*, void (*)(const RunTask&)> runs = {{"steady", attend},
                                                                {"steady_too", attend},
                                                                {"slow", slow},
                                                                {"segfaults", segfaults},
                                                                {"is_killed", is_killed},
                                                                {"aborts", aborts},
                                                                {"hangs", hangs},
                                                                {"babbles", babbles},
                                                                {"answers_zeros", answers_zeros},
                                                                {"answers_half", answers_half},
                                                                {"answers_for_another", answers_for_another},
                                                                {"answers_early", answers_early},
                                                                {"floods_answer", floods_answer},
                                                                {"floods_output", floods_output},
                                                                {"falls_silent", falls_silent},
                                                                {"leaks", leaks},
                                                                {"leaves", leaves},
                                                                {"eats_memory", eats_memory},
                                                                {"throws", throws},
                                                                {"is_wrong", is_wrong},
                                                                {"turns_wrong", turns_wrong},
                                                                {"dies_when_timed", dies_when_timed}};
  std::map<std::string, Variant, std::less<>> variants;
  for (const auto& [name, run] : runs) {
    Variant variant = *find_variant("naive");
    variant.name = name;
    variant.family = "fault";
    variant.run = run;
    variants.emplace(name, variant);
  }
  return variants;
}

}  // namespace

const Variant* find_fault_variant(std::string_view name) {
  static const auto variants = make_variants();
  const auto found = variants.find(name);
  return found == variants.end() ? nullptr : &found->second;
}

Plan fault_plan(const std::vector<std::string>& names, const std::vector<std::int64_t>& lengths) {
  Plan plan;
  plan.name = "faults";
  for (const auto n : lengths) {
    const auto workload = make_workload("gaussian", parse_problem("b1 h2 d4 n" + std::to_string(n)));
    plan.groups.emplace_back();
    for (const auto& name : names) {
      plan.groups.back().cases.push_back({.workload = workload,
                                          .config = {find_fault_variant(name), Params()},
                                          .prediction = {.seconds = 0.001, .peak_bytes = 1e6}});
      plan.resolved_toml += name + " " + std::to_string(n) + "\n";
    }
  }
  plan.sampling = {.rounds = 2, .samples = 3, .min_sample_seconds = 0.001, .warmup_seconds = 0.001, .timeout_seconds = 30};
  plan.memory_budget_bytes = 2e8;
  plan.weights = false;
  return plan;
}

}  // namespace attnbench
