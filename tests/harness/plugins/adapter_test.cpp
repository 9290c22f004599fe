// If these fail, something is lost or bent on its way through the C ABI: a field of the problem, a parameter, a tensor, scratch
// memory, threads, an error.
#include "harness/plugins/adapter.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

#include "harness/contract/random_inputs.h"
#include "harness/measure/allocation_counter.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/plugins/abi.h"
#include "harness/plugins/catalogue.h"
#include "harness/plugins/float_environment.h"
#include "harness/worker/memory_pass.h"
#include "harness/worker/verify.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;
using attnbench::contract::random_inputs;

namespace {

const Variant& plugged(const char* library, const char* name) {
  load_plugin(std::string(PLUGIN_DIR "/lib") + library + ".so");
  return *find_known_variant(name);
}

VariantConfig config(const Variant& variant) { return {&variant, Params(variant.params)}; }

// The output of one call on random inputs.
Tensor output_of(const Variant& variant, const Problem& p, const Parallel& parallel) {
  const auto tensors = random_inputs(p);
  const auto choice = config(variant);
  const auto prepared = prepare(variant, p, choice.params, 1, parallel.threads());
  Workspace workspace(declared_workspace(variant, p, choice.params, parallel.threads()));
  Tensor out({p.batch, p.heads_q, p.n_q, p.d_v});
  variant.run({p, choice.params, tensors.inputs(p), out.ref(), prepared, workspace, parallel});
  CHECK(workspace.guards_intact());
  CHECK(workspace.peak() == workspace.declared());
  return out;
}

constexpr const char* kProblems[] = {
    "b1 h1 n1 d1 f32",
    "b2 h4:2 n17:33 d8:5 f32 causal-bottom-right window=7:2 klen=33,20 mask=additive:bh scale=0.2 softcap=3",
    "b2 h2 n33 d8 f32 causal-top-left mask=bool:h",
    "b1 h2 n9 d8 f32 window=inf:3",
};

}  // namespace

TEST_CASE("the same source file gives the same bits built in and through the ABI") {
  const auto& ours = *find_variant("naive");
  const auto& theirs = plugged("plugged", "plugged_naive");
  for (const int threads : {1, 3}) {
    const ThreadArena arena(threads);
    for (const char* text : kProblems) {
      CAPTURE(text, threads);
      const auto p = parse_problem(text);
      const auto a = output_of(ours, p, arena.parallel()), b = output_of(theirs, p, arena.parallel());
      CHECK(std::memcmp(a.data(), b.data(), a.bytes()) == 0);
    }
  }
}

TEST_CASE("neither loading a plugin nor its calls change how this process computes, on any thread") {
  const auto before = plugins::FloatEnvironment::now();
  const auto p = parse_problem("b1 h2 n33 d8 f32");
  const ThreadArena arena(3);
  for (const char* name : {"flushes_at_load", "flushes_in_run", "rounds_down", "flushes_around_loop"}) {
    CAPTURE(name);
    output_of(plugged("float_faults", name), p, arena.parallel());
    CHECK(before.changes(plugins::FloatEnvironment::now()) == 0);
    std::atomic<std::uint32_t> elsewhere{0};
    arena.parallel().for_each(200, [&](std::int64_t, int) { elsewhere |= before.changes(plugins::FloatEnvironment::now()); });
    CHECK(elsewhere == 0);
    before.apply();
  }
  const auto changes = [](const char* name) { return adapter_of(*find_known_variant(name))->float_changes(); };
  CHECK(changes("flushes_at_load") == 0);
#if defined(__x86_64__) || defined(__aarch64__)
  CHECK(plugin_of(*find_known_variant("rounds_down"))->float_changes == plugins::kFlushToZero);
  CHECK(changes("flushes_in_run") == plugins::kFlushToZero);
  CHECK(plugins::words_of(changes("rounds_down")).find("the rounding mode") != std::string::npos);
#endif
}

TEST_CASE("a plugin that sets flush-to-zero at load is judged within the same bounds as a built-in variant") {
  const auto p = parse_problem("b1 h1 n6 d8:4 f32");
  auto tensors = random_inputs(p);
  for (std::int64_t t = 0; t < element_count(tensors.v.shape()); ++t) tensors.v.data()[t] *= 1e-41f;
  const auto exact = exact_rows(p, tensors.inputs(p), 1, Parallel());  // made by a worker that loads no plugin
  const auto naive = verify({find_variant("naive"), {}}, p, tensors.inputs(p), 1, Parallel(), exact);
  const auto v = verify(config(plugged("float_faults", "flushes_at_load")), p, tensors.inputs(p), 1, Parallel(), exact);
  CHECK(v.status == naive.status);
  CHECK(v.tolerance_rel_rms == naive.tolerance_rel_rms);
}

TEST_CASE("a cost that is no amount of work is named and never reaches a prediction") {
  const auto p = parse_problem("b1 h1 n8 d4 f32");
  const std::pair<const char*, const char*> cases[] = {
      {"costs_nan", "multiply_adds = nan"}, {"costs_infinity", "bytes = inf"}, {"costs_less_than_nothing", "exps = -1"}};
  for (const auto& [name, fault] : cases) {
    CAPTURE(name);
    const auto& variant = plugged("bad_costs", name);
    const auto cost = variant.cost(p, {});
    for (const double number : {cost.multiply_adds, cost.exps, cost.bytes, cost.pairs}) CHECK((number >= 0 && number < 1e12));
    CHECK(has(adapter_of(variant)->cost_fault(p, {}), fault));
  }
  CHECK(adapter_of(plugged("plugged", "plugged_naive"))->cost_fault(p, {}).empty());
}

TEST_CASE("descriptor and cost are those of the source, whatever the problem") {
  const auto& ours = *find_variant("naive");
  const auto& theirs = plugged("plugged", "plugged_naive");
  CHECK(std::string(theirs.summary) == ours.summary);
  CHECK(std::string(theirs.time_label) == ours.time_label);
  CHECK(theirs.computes == ours.computes);
  CHECK(theirs.supports == ours.supports);
  CHECK(theirs.laws == ours.laws);
  for (const char* text : kProblems) {
    const auto p = parse_problem(text);
    const auto a = ours.cost(p, {}), b = theirs.cost(p, {});
    CHECK((a.multiply_adds == b.multiply_adds && a.exps == b.exps && a.bytes == b.bytes && a.pairs == b.pairs));
    CHECK(declared_workspace(theirs, p, {}, 3) == declared_workspace(ours, p, {}, 3));
  }
}

TEST_CASE("parameters of each kind arrive, and reasons come back") {
  const auto& variant = plugged("patterned", "patterned");
  REQUIRE(variant.params.size() == 3);
  const auto p = parse_problem("b1 h1 n30 d4 f32");
  auto choice = config(variant);
  CHECK(unsupported_reasons(variant, p, choice.params).empty());
  CHECK(variant.cost(p, choice.params).pairs == 300);
  choice.params.set("every", "5");
  CHECK(variant.cost(p, choice.params).pairs == 180);
  choice.params.set("temper", "0.1");
  choice.params.set("mode", "odd");
  const auto reasons = unsupported_reasons(variant, p, choice.params);
  REQUIRE(reasons.size() == 2);
  CHECK(has(reasons[0], "got 0.1"));
  CHECK(has(reasons[1], "cannot be odd"));
}

TEST_CASE("a pattern with prepared state is verified by the dense oracle, and its memory is counted") {
  const auto& variant = plugged("patterned", "patterned");
  const ThreadArena arena(2);
  auto choice = config(variant);
  choice.params.set("every", "4");
  for (const char* text : {"b2 h2 n33 d8:5 f32", "b1 h1 n50 d4 f32 causal"}) {
    CAPTURE(text);
    const auto p = parse_problem(text);
    const auto tensors = random_inputs(p);
    const auto v = verify(choice, p, tensors.inputs(p), 1, arena.parallel(), {});
    CHECK(v.status == Status::ok);
    CHECK(v.oracle == OracleKind::dense_with_pattern);
    const auto use = measure_memory(choice, p, tensors.inputs(p), 1, arena.parallel());
    CHECK(use.workspace_peak == use.workspace_declared);
    CHECK(use.prepared_bytes == 8 * p.n_k);
    if (heap_is_counted()) CHECK(use.stray_allocations == 0);
  }
}

TEST_CASE("a variant that times itself and says what ran is heard") {
  const auto& variant = plugged("patterned", "patterned");
  const auto p = parse_problem("b1 h1 n64 d4 f32");
  const auto tensors = random_inputs(p);
  const auto choice = config(variant);
  const auto prepared = prepare(variant, p, choice.params, 1, 1);
  Workspace workspace(declared_workspace(variant, p, choice.params, 1));
  Tensor out({1, 1, 64, 4});
  const RunTask task{p, choice.params, tensors.inputs(p), out.ref(), prepared, workspace, Parallel()};
  CHECK(variant.time_calls(task, 5) > 0);
  workspace.reset();
  const Facts facts = variant.implementation(task);
  REQUIRE(facts.size() == 3);
  CHECK(facts[0] == Facts::value_type{"library", "patterned 2.1"});
  CHECK(facts[2].second == "the host's, 1");
}

TEST_CASE("errors come back as what the record makes of them") {
  const auto p = parse_problem("b1 h1 n8 d4 f32");
  const auto call = [&](const char* name) { output_of(plugged("misbehaves", name), p, Parallel()); };
  CHECK_THROWS_AS(call("exhausts_memory"), std::bad_alloc);
  CHECK_THROWS_WITH(call("fails_in_run"), "run of fails_in_run (libmisbehaves.so) failed: kernel 5 said no");
  CHECK(std::string(plugged("misbehaves", "is_missing").unavailable) == "libneeded.so.3 is not installed");
}

TEST_CASE("memory that a plugin takes from the host is aligned and counted until it is given back") {
  plugins::Host host("test");
  const auto* table = host.table();
  void* block = table->allocate(table, 1000);
  REQUIRE(block != nullptr);
  CHECK(reinterpret_cast<std::uintptr_t>(block) % kAlignment == 0);
  std::memset(block, 1, 1000);
  CHECK(host.allocated_bytes() == 1000);
  CHECK(table->allocate(table, UINT64_MAX) == nullptr);
  table->release(table, block);
  table->release(table, nullptr);
  CHECK(host.allocated_bytes() == 0);
}

TEST_CASE("a struct of an older plugin reads as zero where it ends, one of a newer is cut") {
  attnbench_cost cost{};
  cost.head = plugins::head_of<attnbench_cost>();
  cost.multiply_adds = 1;
  cost.pairs = 4;
  CHECK(plugins::read_struct(cost).pairs == 4);
  cost.head.size = offsetof(attnbench_cost, pairs);
  CHECK(plugins::read_struct(cost).multiply_adds == 1);
  CHECK(plugins::read_struct(cost).pairs == 0);
  cost.head.size = sizeof cost + 64;
  CHECK(plugins::read_struct(cost).pairs == 4);
}

TEST_CASE("what a library behind a variant takes crosses the ABI, and is not written to an older host") {
  const auto& variant = plugged("patterned", "patterned");
  const auto problem = parse_problem("b1 h1 n8 d4 f32");
  const auto cost = variant.cost(problem, config(variant).params);
  CHECK(cost.external_bytes == 5e6);
  CHECK(cost.start_seconds == 0.25);
  CHECK(cost.depth == 3);

  void* library = ::dlopen(PLUGIN_DIR "/libpatterned.so", RTLD_NOW | RTLD_NOLOAD);
  REQUIRE(library != nullptr);
  const auto entry = reinterpret_cast<decltype(&attnbench_plugin)>(::dlsym(library, ATTNBENCH_PLUGIN_ENTRY));
  const auto* given = entry(plugins::make_host("older").table())->variants[0];
  const plugins::AbiProblem abi_problem(problem);
  const plugins::AbiParams abi_params(config(variant).params);
  attnbench_cost older{};
  older.head = plugins::head_of<attnbench_cost>();
  older.head.size = offsetof(attnbench_cost, external_bytes);
  older.external_bytes = older.start_seconds = older.depth = -1;
  given->cost(given->user, abi_problem.get(), abi_params.get(), &older);
  CHECK(older.multiply_adds == cost.multiply_adds);
  CHECK(older.pairs == cost.pairs);
  CHECK(older.external_bytes == -1);
  CHECK(older.start_seconds == -1);
  CHECK(older.depth == -1);
}
