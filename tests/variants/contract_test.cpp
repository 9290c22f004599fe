// If these fail, a variant computes something else than it says, writes where it must not, or declares what is not so. Every
// variant in the registry is held to this.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "harness/worker/heap_count.h"
#include "harness/worker/parallel_tbb.h"
#include "harness/worker/verify.h"
#include "tests/catch.h"
#include "tests/variants/contract_test_support.h"
#include "variants/api/oracle.h"

using namespace attnbench;
using namespace attnbench::test;

namespace {

// Inputs and exact rows of a problem, made once per process.
struct MadeProblem {
  RandomInputs tensors;
  std::vector<double> exact;
};

const MadeProblem& made_problem(const Problem& problem) {
  static std::map<std::string, MadeProblem> cache;
  auto& entry = cache[to_string(problem)];
  if (entry.exact.empty()) {
    entry.tensors = random_inputs(problem);
    entry.exact = exact_rows(problem, entry.tensors.inputs(problem), kSeed, Parallel());
  }
  return entry;
}

void expect_verified(const Selected& selected, const Problem& problem, const Parallel& parallel) {
  const auto& made = made_problem(problem);
  INFO(to_string(problem) << ", " << parallel.threads() << " threads");
  const auto v = verify(selected, problem, made.tensors.inputs(problem), kSeed, parallel, made.exact);
  INFO(joined(v.reasons));
  CHECK(v.status == Status::ok);
}

}  // namespace

TEST_CASE("every variant matches its float64 oracle on odd shapes and all masks it supports") {
  const ThreadArena arena(2);
  for (const auto* variant : builtin_variants()) {
    DYNAMIC_SECTION(variant->name) {
      const auto problems = supported_problems(defaults(*variant));
      REQUIRE(!problems.empty());
      for (const auto& problem : problems) expect_verified(defaults(*variant), problem, arena.parallel());
    }
  }
}

TEST_CASE("every variant matches its oracle with other parameters") {
  const ThreadArena arena(2);
  for (const auto* variant : builtin_variants()) {
    for (const auto& selected : other_selections(*variant)) {
      DYNAMIC_SECTION(selected.label()) {
        const auto problems = supported_problems(selected);
        for (std::size_t t = 0; t < problems.size(); t += 2) expect_verified(selected, problems[t], arena.parallel());
      }
    }
  }
}

TEST_CASE("every variant is right on any number of threads") {
  for (const int threads : {1, 3, 8}) {
    const ThreadArena arena(threads);
    for (const auto* variant : builtin_variants()) {
      DYNAMIC_SECTION(variant->name << ", " << threads << " threads") {
        const auto problems = supported_problems(defaults(*variant));
        for (std::size_t t = 0; t < problems.size(); t += 4) expect_verified(defaults(*variant), problems[t], arena.parallel());
      }
    }
  }
}

TEST_CASE("strides of inputs and output are honoured") {
  for (const auto* variant : builtin_variants()) {
    DYNAMIC_SECTION(variant->name) {
      const auto selected = defaults(*variant);
      for (const auto& p : supported_problems(selected)) {
        if (p.n_q < 3 || p.n_k > 150) continue;
        const auto& made = made_problem(p);
        const auto reference_rows = reference_output(selected, p, made.tensors.inputs(p));
        for (const auto layout : kLayouts) {
          INFO(to_string(p) << ", inputs and output " << name_of(layout));
          const auto q = lay_out(made.tensors.q, layout), k = lay_out(made.tensors.k, layout), v = lay_out(made.tensors.v, layout);
          const Inputs inputs{q.ref, k.ref, v.ref, made.tensors.inputs(p).mask};
          const auto out = run(selected, p, inputs, Parallel(), layout);
          const auto compared = compare({out.data(), reference_rows.size()}, reference_rows, p);
          INFO(joined(compared.reasons));
          CHECK(compared.status == Status::ok);
        }
      }
    }
  }
}

TEST_CASE("NaN and infinity in keys and values never reach a row that does not see them") {
  for (const auto* variant : builtin_variants()) {
    DYNAMIC_SECTION(variant->name) {
      const auto selected = defaults(*variant);
      for (const auto& p : supported_problems(selected)) {
        if (p.n_k < 2 || p.n_k > 300) continue;
        INFO(to_string(p));
        auto spoiled = random_inputs(p);
        const auto inputs = spoiled.inputs(p);
        const auto reference_rows = reference_output(selected, p, inputs);
        const auto prepared = prepare(*variant, p, selected.params, kSeed, 1);
        const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
        const std::int64_t keys[] = {p.n_k - 1, p.n_k / 2};
        for (std::int64_t t = 0; t < p.batch * p.heads_kv; ++t)
          for (const auto j : keys) {
            std::fill_n(spoiled.k.view().row(t / p.heads_kv, t % p.heads_kv, j), p.d_qk, j % 2 ? nan : infinity);
            std::fill_n(spoiled.v.view().row(t / p.heads_kv, t % p.heads_kv, j), p.d_v, j % 2 ? infinity : nan);
          }
        const auto out = run(selected, p, inputs);
        for (std::int64_t t = 0; t < p.batch * p.n_q; ++t) {
          const auto b = t / p.n_q, i = t % p.n_q;
          if (any_head_sees(selected, p, inputs, prepared, b, i, keys[0]) ||
              any_head_sees(selected, p, inputs, prepared, b, i, keys[1]))
            continue;
          for (std::int64_t h = 0; h < p.heads_q; ++h)
            for (std::int64_t c = 0; c < p.d_v; ++c) {
              const double got = out.view().row(b, h, i)[c];
              const double want = reference_rows[static_cast<std::size_t>(((b * p.heads_q + h) * p.n_q + i) * p.d_v + c)];
              if (std::abs(got - want) <= 1e-4) continue;
              FAIL_CHECK("b" << b << " h" << h << " i" << i << " c" << c << ": got " << got << ", oracle " << want);
              c = p.d_v;
            }
        }
      }
    }
  }
}

TEST_CASE("an additive mask of the most negative float hides a key as minus infinity does") {
  for (const auto* variant : builtin_variants()) {
    if (variant->attends) continue;  // a pattern may hide key 0, which every row must see below
    for (const char* text :
         {"b2 h3 n97 d33 mask=additive", "b1 h4:1 n113 d64 causal mask=additive:h", "b1 h2 n5:267 d8 mask=additive"}) {
      const auto p = parse_problem(text);
      if (!supports(defaults(*variant), p)) continue;
      DYNAMIC_SECTION(variant->name << ", " << text) {
        auto tensors = random_inputs(p);
        // Every row sees key 0: one that sees nothing is 0 under minus infinity, which float32 cannot do for the other mask.
        for (std::int64_t t = 0; t < element_count(tensors.mask.shape()); t += p.n_k) tensors.mask.data()[t] = 0;
        const auto hidden = run(defaults(*variant), p, tensors.inputs(p));
        for (std::int64_t t = 0; t < element_count(tensors.mask.shape()); ++t)
          if (std::isinf(tensors.mask.data()[t])) tensors.mask.data()[t] = std::numeric_limits<float>::lowest();
        const auto low = run(defaults(*variant), p, tensors.inputs(p));
        for (std::int64_t t = 0; t < p.batch * p.heads_q * p.n_q; ++t) {
          const float *x = hidden.data() + t * p.d_v, *y = low.data() + t * p.d_v;
          for (std::int64_t c = 0; c < p.d_v; ++c)
            if (!(std::abs(x[c] - y[c]) <= 1e-5f)) FAIL("row " << t << ": " << x[c] << " and " << y[c]);
        }
      }
    }
  }
}

TEST_CASE("the declared workspace is what is taken, within a factor of two") {
  for (const int threads : {1, 2}) {
    const ThreadArena arena(threads);
    for (const auto* variant : builtin_variants()) {
      DYNAMIC_SECTION(variant->name << ", " << threads << " threads") {
        const auto selected = defaults(*variant);
        for (const auto& p : supported_problems(selected)) {
          INFO(to_string(p));
          const auto declared = declared_workspace(*variant, p, selected.params, threads);
          const auto prepared = prepare(*variant, p, selected.params, kSeed, threads);
          Workspace workspace(declared);
          Tensor out({p.batch, p.heads_q, p.n_q, p.d_v});
          variant->run({p, selected.params, made_problem(p).tensors.inputs(p), out.ref(), prepared, workspace, arena.parallel()});
          CHECK(workspace.peak() <= declared);
          CHECK(declared <= 2 * workspace.peak() + 4096);
        }
      }
    }
  }
}

TEST_CASE("run allocates nothing on the heap") {
  if (!heap_is_counted()) return;
  for (const int threads : {1, 2}) {
    const ThreadArena arena(threads);
    for (const auto* variant : builtin_variants()) {
      DYNAMIC_SECTION(variant->name << ", " << threads << " threads") {
        const auto selected = defaults(*variant);
        for (const auto& p : supported_problems(selected)) {
          INFO(to_string(p));
          const auto inputs = made_problem(p).tensors.inputs(p);
          const auto prepared = prepare(*variant, p, selected.params, kSeed, threads);
          Workspace workspace(declared_workspace(*variant, p, selected.params, threads));
          Tensor out({p.batch, p.heads_q, p.n_q, p.d_v});
          const RunTask task{p, selected.params, inputs, out.ref(), prepared, workspace, arena.parallel()};
          variant->run(task);  // threads and buffers of the libraries underneath come to life here
          workspace.reset();
          HeapWatch watch;
          variant->run(task);
          watch.stop();
          CHECK(watch.allocations() == 0);
        }
      }
    }
  }
}
