// If these fail, a check of the contract passes a variant that breaks it. Each check is given a variant made to break just that.
#include "harness/contract/check.h"

#include <atomic>
#include <cfenv>
#include <cmath>
#include <limits>
#include <vector>

#include "harness/measure/allocation_counter.h"
#include "tests/catch.h"
#include "variants/api/oracle.h"
#include "variants/api/registry.h"

using namespace attnbench;
using namespace attnbench::contract;

namespace {

const Variant& naive() { return *find_variant("naive"); }

// naive with another run(), for problems of some features only: the fewer, the quicker.
Variant with_run(void (*run)(const RunTask&), std::uint32_t supports = 0) {
  Variant variant = naive();
  variant.run = run;
  variant.supports = supports;
  return variant;
}

Variant with_cost(Cost (*cost)(const Problem&, const Params&)) {
  Variant variant = naive();
  variant.cost = cost;
  return variant;
}

float& first_output(const RunTask& task, std::int64_t row = 0) { return task.out().row(0, 0, row)[0]; }

void add_everywhere(const RunTask& task, float number) {
  const auto& p = task.problem;
  for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t)
    for (std::int64_t c = 0; c < p.d_v; ++c) task.out().row(t / (p.heads_q * p.n_q), t / p.n_q % p.heads_q, t % p.n_q)[c] += number;
}

void run_with_mask(const RunTask& task, float (*change)(float)) {
  Tensor mask(task.inputs.mask.shape);
  const auto from = task.inputs.mask.as<const float>();
  for (std::int64_t t = 0; t < element_count(mask.shape()); ++t) {
    const auto j = t % mask.shape()[3], i = t / mask.shape()[3] % mask.shape()[2], head = t / (mask.shape()[3] * mask.shape()[2]);
    mask.data()[t] = change(from.row(head / mask.shape()[1], head % mask.shape()[1], i)[j]);
  }
  Inputs inputs = task.inputs;
  inputs.mask = mask.ref();
  naive().run({task.problem, task.params, inputs, task.output, task.prepared, task.workspace, task.parallel});
}

// ---- Broken runs ---------------------------------------------------------------------------------------------------------

void slightly_off(const RunTask& task) { naive().run(task), first_output(task) += 0.01f; }

void off_unless_default(const RunTask& task) {
  naive().run(task);
  if (task.params.integer("knob") != 4) first_output(task) += 1;
}

void off_on_three_threads(const RunTask& task) {
  naive().run(task);
  if (task.parallel.threads() == 3) first_output(task) += 1;
}

void ignores_strides(const RunTask& task) {
  Inputs inputs = task.inputs;
  inputs.q.stride = dense_strides(inputs.q.shape);
  naive().run({task.problem, task.params, inputs, task.output, task.prepared, task.workspace, task.parallel});
}

void multiplies_hidden_values(const RunTask& task) {
  naive().run(task);
  const auto& p = task.problem;
  add_everywhere(task, 0.0f * task.inputs.values().row(0, 0, p.n_k - 1)[0]);
}

void sees_through_lowest(const RunTask& task) {
  run_with_mask(task, [](float bias) { return bias == std::numeric_limits<float>::lowest() ? 0.0f : bias; });
}

void scales_the_mask(const RunTask& task) {
  run_with_mask(task, [](float bias) { return std::isinf(bias) ? bias : bias * bias; });
}

void reads_first_query(const RunTask& task) {  // every output knows the first query of the first batch entry and head
  naive().run(task);
  add_everywhere(task, 0.001f * task.inputs.queries().row(0, 0, 0)[0]);
}

void reads_last_query(const RunTask& task) {
  naive().run(task);
  add_everywhere(task, 0.001f * task.inputs.queries().row(0, 0, task.problem.n_q - 1)[0]);
}

void prefers_first_key(const RunTask& task) {
  naive().run(task);
  add_everywhere(task, 0.01f * task.inputs.keys().row(0, 0, 0)[0]);
}

void adds_a_constant(const RunTask& task) { naive().run(task), add_everywhere(task, 0.1f); }

void drifts(const RunTask& task) {
  static std::atomic<int> calls{0};
  naive().run(task);
  first_output(task) += 1e-6f * static_cast<float>(++calls);
}

void takes_a_line_more(const RunTask& task) {
  task.workspace.allocate<float>(1);
  naive().run(task);
}

void rounds_down(const RunTask& task) {
  naive().run(task);
  std::fesetround(FE_DOWNWARD);
}

void allocates(const RunTask& task) {
  const std::vector<float> scratch(static_cast<std::size_t>(task.problem.n_k));
  naive().run(task);
  if (scratch.back() != 0) first_output(task) = 1;
}

// ---- Broken descriptors --------------------------------------------------------------------------------------------------

constexpr ParamSpec kKnob[] = {integer_param("knob", 4, 1, 16, "something to turn")};
constexpr ParamSpec kBadDefault[] = {integer_param("knob", 40, 1, 16, "out of its own range")};

std::vector<InputSpec> unread_gate(const Problem& p, const Params&) {
  return {{.name = "gate", .shape = {p.batch, 1, p.n_k, 1}, .fill = Fill::sigmoid(0), .help = "a gate"}};
}

void reads_undeclared(const RunTask& task) {
  naive().run(task);
  for (const auto& extra : task.inputs.extras) first_output(task) += *static_cast<const float*>(extra.tensor.data);
}

void asks_for_undeclared(const RunTask& task) {
  naive().run(task), first_output(task) += task.inputs.extra("gate").row(0, 0, 0)[0];
}

Variant needy(std::uint32_t needs) {
  Variant v = naive();
  v.needs = needs;
  return v;
}

Cost changed_cost(const Problem& p, double pairs, double bytes) {
  auto cost = naive().cost(p, {});
  cost.pairs *= pairs;
  cost.bytes *= bytes;
  return cost;
}

Variant broken(const std::string& check) {
  Variant v = naive();
  if (check == "descriptor") v.laws = 0;
  if (check == "parameters") v.params = kBadDefault;
  if (check == "refusals")
    v.unsupported = [](const Problem& p, const Params&, Reasons& r) { p.softcap ? r.push_back("no") : void(); };
  if (check == "cost") v = with_cost([](const Problem& p, const Params&) { return changed_cost(p, 1, 0.01); });
  if (check == "pairs") v = with_cost([](const Problem& p, const Params&) { return changed_cost(p, 0.5, 1); });
  if (check == "weights_counted") v = with_cost([](const Problem& p, const Params&) { return changed_cost(p, 0.5, 1); });
  if (check == "growth") v.time_label = "O(n d)";
  if (check == "oracle") v = with_run(slightly_off);
  if (check == "oracle_params") v = with_run(off_unless_default), v.params = kKnob;
  if (check == "threads") v = with_run(off_on_three_threads);
  if (check == "strides") v = with_run(ignores_strides);
  if (check == "nan_policy") v = with_run(multiplies_hidden_values, kCausal);
  if (check == "lowest_mask") v = with_run(sees_through_lowest, kAdditiveMask);
  if (check == "batch") v = with_run(reads_first_query);
  if (check == "heads") v = with_run(reads_first_query);
  if (check == "permutation") v = with_run(prefers_first_key);
  if (check == "row_sums") v = with_run(adds_a_constant);
  if (check == "readable_weights") v = with_run(adds_a_constant);
  if (check == "scale_invariance") v.laws |= kScaleInvariance;  // a dot product grows with its factors
  if (check == "score_shift") v = with_run(scales_the_mask, kAdditiveMask);
  if (check == "causality") v = with_run(reads_last_query, kCausal);
  if (check == "determinism") v = with_run(drifts);
  if (check == "workspace") v = with_run(takes_a_line_more);
  if (check == "float_environment") v = with_run(rounds_down);
  if (check == "heap") v = with_run(allocates);
  if (check == "extras") v.extras = unread_gate;
  return v;
}

}  // namespace

TEST_CASE("each check of the contract finds the variant that was made to break it") {
  for (const auto& check : contract_checks()) {
    DYNAMIC_SECTION(check.name) {
      if (std::string(check.name) == "heap" && !heap_is_counted()) continue;
      Findings findings;
      check.run(broken(check.name), findings);
      CHECK_FALSE(findings.nothing_examined());
      CHECK(findings.count() > 0);
      CHECK(findings.lines().size() <= 5);
    }
  }
}

TEST_CASE("an extra input that is not declared is found, whether it is looked for by name or taken from the list") {
  for (const auto run : {reads_undeclared, asks_for_undeclared}) {
    Findings findings;
    check_extras(with_run(run), findings);
    CHECK(findings.count() > 0);
  }
}

TEST_CASE("what a variant needs is refused without it, and the problems of the contract have it") {
  for (const auto* check : {"refusals", "growth", "extras", "float_environment"}) {
    CAPTURE(check);
    Findings findings;
    find_check(check)->run(needy(kCausal), findings);
    for (const auto& line : findings.lines()) FAIL_CHECK(line);
    CHECK_FALSE(findings.nothing_examined());
  }
  CHECK(unsupported_reasons(needy(kCausal), parse_problem("n4 d4"), {}) == Reasons{"naive needs a causal mask"});
  CHECK(unsupported_reasons(needy(kCausal), parse_problem("n4 d4 causal"), {}).empty());
  Findings findings;
  Variant v = needy(kCausal);
  v.supports &= ~kCausal;
  check_descriptor(v, findings);
  CHECK(findings.count() == 1);
}

TEST_CASE("a check that has nothing to look at says so") {
  Findings findings;
  find_check("parameters")->run(naive(), findings);
  CHECK(findings.nothing_examined());
  CHECK(findings.empty());
  CHECK(find_check("no_such_check") == nullptr);
}

TEST_CASE("memory that does not grow is O(1), also where there is none at all") {
  Variant v = naive();
  v.memory_label = "O(1)";
  std::size_t (*one_page)(const Problem&, const Params&, int) = [](const Problem&, const Params&, int) {
    return std::size_t(4096);
  };
  for (const auto workspace : {one_page, decltype(one_page)(nullptr)}) {
    v.workspace = workspace;
    Findings findings;
    find_check("growth")->run(v, findings);
    CHECK(findings.empty());
  }
}
