// If these fail, an extra input that a variant declares is lost, changed or mixed up on one of its ways: from a generator, from a
// file, through the inputs cache, into a plugin; or a variant is given one that it did not declare.
#include <array>
#include <cstring>

#include "datasets/npy.h"
#include "harness/contract/cases.h"
#include "harness/contract/check.h"
#include "harness/contract/one_call.h"
#include "harness/planning/plan.h"
#include "harness/plugins/catalogue.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/worker/worker.h"
#include "tests/catch.h"
#include "tests/harness/harness_test_support.h"

namespace attnbench::registered {
extern const Variant gated;  // tests/plugins/gated.cpp
}

using namespace attnbench;

namespace {

constexpr const char* kPlugin = PLUGIN_DIR "/libgated.so";
constexpr const char* kProblem = "b2 h4:2 n12 d8:5 f32 causal";

const Variant* find_gated(std::string_view name) { return name == "gated" ? &registered::gated : nullptr; }

VariantConfig gated(const Variant& variant, const char* mean = "0") {
  VariantConfig config{&variant, Params(variant.params)};
  config.params.set("mean", mean);
  return config;
}

const Variant& plugged() {
  load_plugin(kPlugin);
  return *find_known_variant("gated");
}

bool same(const Tensor& a, const Tensor& b) { return a.bytes() == b.bytes() && std::memcmp(a.data(), b.data(), a.bytes()) == 0; }

// A folder of .npy files with the inputs of a problem and gates that no generator makes: 0.5 for the first key, 0 for all others.
std::string arrays_with_gate(const TemporaryFolder& folder, const Problem& p) {
  const auto tensors = open_dataset("gaussian")->make(p, 3);
  const auto write = [&](const char* name, const Tensor& tensor) {
    const auto count = static_cast<std::size_t>(element_count(tensor.shape()));
    write_npy(folder / name, tensor.shape(), std::vector<float>(tensor.data(), tensor.data() + count));
  };
  write("q.npy", tensors.q);
  write("k.npy", tensors.k);
  write("v.npy", tensors.v);
  std::vector<float> gates(static_cast<std::size_t>(p.batch * p.heads_kv * p.n_k));
  for (std::size_t t = 0; t < gates.size(); t += static_cast<std::size_t>(p.n_k)) gates[t] = 0.5f;
  write_npy(folder / "gate.npy", std::array{p.batch, p.heads_kv, p.n_k}, gates);
  return "file:" + (folder / "");
}

// The first output row of every head sees one key, so it is that key's gate times its value.
void check_first_rows(const Problem& p, const Inputs& inputs, const Tensor& out, float gate) {
  for (std::int64_t t = 0; t < p.batch * p.heads_q; ++t) {
    const auto b = t / p.heads_q, h = t % p.heads_q;
    for (std::int64_t c = 0; c < p.d_v; ++c)
      CHECK(out.view().row(b, h, 0)[c] == Approx(gate * inputs.values().row(b, p.kv_head(h), 0)[c]));
  }
}

Job job_of(JobKind kind, const std::string& dataset, const TemporaryFolder& folder, const char* plugin = "") {
  Job job;
  job.kind = kind;
  job.dataset = dataset;
  job.problem = parse_problem(kProblem);
  job.variant = kind == JobKind::inputs ? "" : "gated";
  job.plugin = kind == JobKind::inputs ? "" : plugin;
  job.inputs_file = folder / "inputs";
  job.exact_rows_file = folder / "rows";
  job.weights_file = folder / "weights.npy";
  job.sampling = {.rounds = 1, .samples = 2, .min_sample_seconds = 0.001, .warmup_seconds = 0.001};
  return job;
}

}  // namespace

TEST_CASE("a variant with an extra input keeps the contract, built in and as a plugin") {
  for (const auto* variant : {&registered::gated, &plugged()})
    for (const char* name : {"descriptor", "refusals", "cost", "strides", "extras", "nan_policy", "heads", "causality"}) {
      CAPTURE(name, variant == &registered::gated);
      contract::Findings findings;
      contract::find_check(name)->run(*variant, findings);
      for (const auto& line : findings.lines()) FAIL_CHECK(line);
      CHECK(findings.count() == 0);
    }
}

TEST_CASE("a plugin declares and reads what its source declares") {
  const auto& theirs = plugged();
  const auto p = parse_problem(kProblem);
  CHECK(theirs.needs == kCausal);
  const auto ours = gated(registered::gated, "1.5").extras(p), declared = gated(theirs, "1.5").extras(p);
  REQUIRE(declared.size() == 1);
  CHECK(declared == ours);
  CHECK(to_string(declared[0]) == "gate [2, 2, 12, 1] f32 sigmoid(1.5)");
  CHECK(declared[0].help == ours[0].help);
  const auto tensors = open_dataset("gaussian")->make(p, ours, 3);
  CHECK(same(contract::run(gated(registered::gated), p, tensors.inputs(p)), contract::run(gated(theirs), p, tensors.inputs(p))));
  const auto without = open_dataset("gaussian")->make(p, 3);
  CHECK_THROWS_WITH(contract::run(gated(theirs), p, without.inputs(p)), "the call is not given the input 'gate'");
}

TEST_CASE("a generator fills an extra input by its name, and leaves q, k and v alone") {
  const auto p = parse_problem(kProblem);
  const auto dataset = open_dataset("clustered");
  const auto plain = dataset->make(p, 3);
  const auto low = gated(registered::gated, "-8"), high = gated(registered::gated, "8");
  const auto first = dataset->make(p, low.extras(p), 3), second = dataset->make(p, high.extras(p), 3);
  CHECK((same(first.q, plain.q) && same(first.k, plain.k) && same(first.v, plain.v)));
  for (std::int64_t t = 0; t < element_count(first["gate"].shape()); ++t) {
    CHECK((first["gate"].data()[t] > 0 && first["gate"].data()[t] < 0.5f));
    CHECK((second["gate"].data()[t] > 0.5f && second["gate"].data()[t] <= 1));
  }
}

TEST_CASE("an array of its name in a file is the extra input, through the cache and into every job") {
  const TemporaryFolder folder, work;
  const auto p = parse_problem(kProblem);
  const auto dataset = arrays_with_gate(folder, p);
  const auto config = gated(registered::gated);
  auto inputs_job = job_of(JobKind::inputs, dataset, work);
  inputs_job.extras = config.extras(p);
  inputs_job.extras.push_back(gated(registered::gated, "3").extras(p)[0]);  // another variant's
  REQUIRE(do_job(inputs_job, &find_gated).reasons == Reasons{});

  CachedInputs cached(work / "inputs", p);
  const auto inputs = cached.inputs(config.extras(p));
  CHECK(inputs.extra("gate").row(1, 1, 0)[0] == 0.5f);
  CHECK(inputs.extra("gate").row(1, 1, 1)[0] == 0);
  check_first_rows(p, inputs, contract::run(config, p, inputs), 0.5f);
  for (const char* plugin : {"", kPlugin})
    for (const auto kind : {JobKind::verify, JobKind::time, JobKind::memory}) {
      CAPTURE(plugin, name_of(kind));
      const auto result = do_job(job_of(kind, dataset, work, plugin), *plugin ? &find_known_variant : &find_gated);
      CHECK(result.reasons == Reasons{});
      CHECK(result.status == Status::ok);
    }
  const auto memory = do_job(job_of(JobKind::memory, dataset, work), &find_gated);
  CHECK(static_cast<double>(std::get<MemoryUse>(memory.measured).input_bytes) ==
        compulsory_bytes(p) - 4.0 * 2 * 4 * 12 * 5 + 4.0 * 2 * 2 * 12);
}

TEST_CASE("an array of the wrong shape costs the variants that need it, and no others") {
  const TemporaryFolder folder, work;
  const auto p = parse_problem(kProblem);
  const auto dataset = arrays_with_gate(folder, p);
  write_npy(folder / "gate.npy", std::array<std::int64_t, 3>{2, 2, 13}, std::vector<float>(52, 1.0f));
  auto inputs_job = job_of(JobKind::inputs, dataset, work);
  inputs_job.extras = gated(registered::gated).extras(p);
  REQUIRE(do_job(inputs_job, &find_gated).status == Status::ok);
  CHECK_NOTHROW(CachedInputs(work / "inputs", p).inputs());
  const auto result = do_job(job_of(JobKind::verify, dataset, work), &find_gated);
  CHECK(result.status == Status::skipped);
  CHECK(has(result.reasons.at(0),
            "has shape [2, 2, 13]; for b2 h4:2 n12 d8:5 f32 causal the input 'gate' is [b, h, n, d] = [2, 2, 12, 1]"));
}
