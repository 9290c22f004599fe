// The plugin as the harness sees it, with the one library that is always there. If these fail, external baselines are judged, timed
// or refused otherwise than our own variants.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "datasets/dataset.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/planning/cost_model.h"
#include "harness/plugins/catalogue.h"
#include "harness/worker/verify.h"
#include "tests/catch.h"

using namespace attnbench;

namespace {

// The project's own environment: it has NumPy, and none of the other libraries.
const Plugin& plugin() {
  static const Plugin& loaded = [&]() -> const Plugin& {
    ::setenv("ATTNBENCH_EXTERNAL_PYTHON", ATTNBENCH_SOURCE_DIR "/.venv/bin/python", 1);
    return load_plugin(EXTERNAL_PLUGIN);
  }();
  return loaded;
}

const Variant& external(const char* name) {
  plugin();
  const Variant* variant = find_known_variant(name);
  REQUIRE(variant != nullptr);
  return *variant;
}

Reasons refusals(const char* name, const char* problem) { return unsupported_reasons(external(name), parse_problem(problem), {}); }

}  // namespace

TEST_CASE("every external baseline is listed with its library, whatever is installed") {
  std::set<std::string> names;
  for (const auto& adapter : plugin().adapters) names.insert(adapter->variant().name);
  for (const char* promised : {"torch_sdpa", "torch_sdpa_flash", "torch_sdpa_math", "torch_mha", "torch_flex", "ort_attention",
                               "ort_mha", "ort_gqa", "onednn_sdpa", "openvino_sdpa", "jax_sdpa", "numpy_sdpa"})
    CHECK(names.count(promised) == 1);
  CHECK(std::string(external("numpy_sdpa").paper).starts_with("NumPy 2"));
  CHECK(external("numpy_sdpa").unavailable == nullptr);
}

TEST_CASE("an external baseline whose library is missing says which, and what to do") {
  for (const char* name : {"torch_mha", "torch_flex", "ort_gqa", "openvino_sdpa", "jax_sdpa"}) {
    INFO(name);
    REQUIRE(external(name).unavailable != nullptr);
    const std::string why = external(name).unavailable;
    CHECK(why.find("is not set up: no '") != std::string::npos);
    CHECK(why.find("/scripts/external.sh sets up") != std::string::npos);
  }
}

TEST_CASE("what an external baseline cannot do is refused with its reason") {
  CHECK(refusals("torch_sdpa", "b1 h4:2 n8 d4 f32 causal").empty());
  CHECK(refusals("torch_sdpa", "b1 h4:2 n1:8 d4 f32 causal-bottom-right").empty());
  CHECK_FALSE(refusals("torch_sdpa", "b1 h4 n2:8 d4 f32 causal-bottom-right").empty());
  CHECK_FALSE(refusals("torch_sdpa", "b1 h4 n8 d4 f32 window=2:2").empty());
  CHECK_FALSE(refusals("torch_sdpa_flash", "b1 h4 n8 d4:8 f32").empty());
  CHECK(refusals("torch_sdpa_math", "b1 h4 n8 d4:8 f32").empty());
  CHECK_FALSE(refusals("torch_sdpa", "b1 h4 n8 d4 f32 causal mask=bool").empty());
  CHECK_FALSE(refusals("ort_gqa", "b1 h4:2 n8 d8 f32").empty());
  CHECK(refusals("ort_gqa", "b1 h4:2 n8 d8 f32 causal").empty());
  CHECK(refusals("ort_gqa", "b1 h4:2 n1:8 d8 f32").empty());
  CHECK_FALSE(refusals("ort_mha", "b1 h4:2 n8 d8 f32").empty());
  CHECK_FALSE(refusals("torch_mha", "b1 h4 n8 d4 f32 scale=1").empty());
  CHECK_FALSE(refusals("openvino_sdpa", "b1 h4 n8 d4 f32 scale=1").empty());
}

TEST_CASE("an external baseline is verified like any variant, against the float64 oracle") {
  for (const char* text : {"b1 h2 n17 d8 f32", "b2 h4:2 n9 d4:6 f32 causal", "b1 h2 n3:11 d8 f32 causal-bottom-right",
                           "b1 h2 n9 d8 f32 mask=bool", "b2 h4:2 n7 d8 f32 mask=additive:bh scale=0.3"}) {
    INFO(text);
    const auto problem = parse_problem(text);
    const auto inputs = open_dataset("gaussian")->make(problem, 3);
    const ThreadArena arena(2);
    const auto verification = verify({&external("numpy_sdpa"), {}}, problem, inputs.inputs(problem), 1, arena.parallel());
    for (const auto& reason : verification.reasons) UNSCOPED_INFO(reason);
    CHECK(verification.status == Status::ok);
  }
}

TEST_CASE("a prediction holds the library, its score matrices and its start") {
  const auto predicted = [](const char* name, const char* problem) {
    return predict({&external(name), {}}, parse_problem(problem), 2);
  };
  constexpr double kMiB = 1024 * 1024, kScores = 4.0 * 8 * 4096 * 4096;
  CHECK(predicted("jax_sdpa", "b1 h8 n64 d64 f32").peak_bytes > 200 * kMiB);
  CHECK(predicted("jax_sdpa", "b1 h8 n4096 d64 f32").peak_bytes > 2 * kScores);
  CHECK(predicted("torch_sdpa", "b1 h8 n4096 d64 f32").peak_bytes < kScores);
  CHECK(predicted("ort_mha", "b1 h8 n4096 d64 f32").peak_bytes < kScores);
  CHECK(predicted("ort_mha", "b1 h8 n4096 d64 f32 causal").peak_bytes > kScores);
  CHECK(predicted("torch_flex", "b1 h8 n64 d64 f32").start_seconds > 1);
}

// Times of two threads of one machine (AVX-512, 2.x GHz), in seconds: the prior is within a factor of 3 of them.
TEST_CASE("built-in rates of external baselines are of the right size") {
  struct Measured {
    const char *variant, *problem;
    double seconds;
  };
  constexpr Measured kMeasured[] = {
      {"torch_sdpa", "b1 h8 n2048 d64 f32", 0.0541},
      {"torch_sdpa", "b1 h8 n1024 d64 f32 causal", 0.0121},
      {"torch_sdpa_math", "b1 h8 n2048 d64 f32", 0.212},
      {"torch_sdpa_math", "b1 h8 n1024 d64 f32 causal", 0.0733},
      {"ort_mha", "b1 h8 n2048 d64 f32", 0.0505},
      {"ort_mha", "b1 h8 n1024 d64 f32 causal", 0.0203},
      {"ort_attention", "b1 h8 n2048 d64 f32", 0.0659},
      {"ort_attention", "b1 h8 n1024 d64 f32 causal", 0.0195},
      {"onednn_sdpa", "b1 h8 n2048 d64 f32", 0.0621},
      {"openvino_sdpa", "b1 h8 n2048 d64 f32", 0.0505},
      {"openvino_sdpa", "b1 h8 n1024 d64 f32 causal", 0.018},
      {"jax_sdpa", "b1 h8 n2048 d64 f32", 0.226},
      {"jax_sdpa", "b1 h8 n512 d64 f32 causal", 0.0119},
      {"numpy_sdpa", "b1 h8 n1024 d64 f32", 0.0524},
      {"torch_mha", "b1 h8 n2048 d64 f32", 0.0849},
  };
  for (const auto& [variant, problem, seconds] : kMeasured) {
    CAPTURE(variant, problem, seconds);
    const double ratio = predict({&external(variant), {}}, parse_problem(problem), 2).seconds / seconds;
    CHECK(ratio > 1.0 / 3);
    CHECK(ratio < 3);
  }
}

TEST_CASE("an external baseline times its own calls, leaves the last output, and says what ran") {
  const auto problem = parse_problem("b1 h2 n17 d8 f32");
  const auto inputs = open_dataset("gaussian")->make(problem, 3);
  const ThreadArena arena(1);
  const auto& variant = external("numpy_sdpa");
  const auto prepared = prepare(variant, problem, {}, 1, 1);
  CHECK(prepared.bytes >= static_cast<std::size_t>(compulsory_bytes(problem)));
  Workspace workspace(0);
  const Tensor output({1, 2, 17, 8});
  const RunTask task{problem, {}, inputs.inputs(problem), output.ref(), prepared, workspace, arena.parallel()};
  REQUIRE(variant.time_calls != nullptr);
  CHECK(variant.time_calls(task, 3) > 0);
  const Tensor once({1, 2, 17, 8});
  variant.run({problem, {}, inputs.inputs(problem), once.ref(), prepared, workspace, arena.parallel()});
  CHECK(std::equal(output.data(), output.data() + 272, once.data()));

  std::set<std::string> names;
  for (const auto& [name, text] : variant.implementation(task)) names.insert(name);
  for (const char* promised :
       {"library", "kernel", "threads", "layout", "process", "call_overhead_s", "peak_bytes", "busy_threads"})
    CHECK(names.count(promised) == 1);
}
