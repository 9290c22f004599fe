#include "tests/harness/fault_variants/fault_variants.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>
#include <thread>

#include "harness/run/process.h"
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

void leaves(const RunTask&) { ::_exit(7); }

void eats_memory(const RunTask&) {
  std::vector<char> food(std::size_t{2} << 30);  // more than fault_plan() allows, less than any machine has
  food[food.size() / 2] = 1;
}

void throws(const RunTask&) { throw std::runtime_error("thrown by a test"); }

void is_wrong(const RunTask& task) {
  attend(task);
  task.out().row(0, 0, 0)[0] += 1;
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
                                                                {"leaves", leaves},
                                                                {"eats_memory", eats_memory},
                                                                {"throws", throws},
                                                                {"is_wrong", is_wrong},
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
  for (const auto n : lengths)
    for (const auto& name : names) {
      Case point;
      point.dataset = "gaussian";
      point.problem = parse_problem("b1 h2 d4 n" + std::to_string(n));
      point.selected = {find_fault_variant(name), Params()};
      point.prediction = {.seconds = 0.001, .peak_bytes = 1e6};
      plan.cases.push_back(std::move(point));
      plan.resolved_toml += name + " " + std::to_string(n) + "\n";
    }
  plan.sampling = {.rounds = 2, .samples = 3, .min_sample_seconds = 0.001, .warmup_seconds = 0.001, .timeout_seconds = 30};
  plan.memory_budget_bytes = 2e8;
  plan.weights = false;
  return plan;
}

}  // namespace attnbench
