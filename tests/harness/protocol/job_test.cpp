// If these fail, a worker does another job than the one it was given, or its answer is misread.
#include "harness/protocol/job.h"

#include <linux/perf_event.h>

#include <cmath>

#include "harness/measure/counters.h"
#include "harness/support/json.h"
#include "harness/worker/worker.h"
#include "tests/catch.h"
#include "tests/harness/fault_variants/fault_variants.h"
#include "tests/harness/harness_test_support.h"
#include "variants/api/registry.h"

using namespace attnbench;

namespace {

constexpr ParamSpec kSpecs[] = {integer_param("window", 256, 1, 4096, ""), real_param("rate", 0.5, 0, 1, ""),
                                choice_param("inner", "naive", "naive|blockwise", "")};

Job sample_job() {
  Job job;
  job.id = 18446744073709551614u;
  job.kind = JobKind::time;
  job.dataset = "text:mine.txt";
  job.problem = parse_problem("b2 h4:2 n3:5 d7:6 causal-bottom-right scale=0.1");
  job.variant = "naive";
  job.params = {{"window", "64"}, {"rate", "0.1"}};
  job.threads = 3;
  job.seed = 18446744073709551615u;
  job.extras = {{"gate", {2, 2, 5, 1}, DType::f32, Fill::log_sigmoid(-0.1, 16)},
                {"gate", {1, 1, 1, 1}, DType::f32, Fill::constant(2)}};
  job.inputs_file = "/a b/inputs";
  job.exact_rows_file = "rows";
  job.weights_file = "weights";
  job.token_labels = true;
  job.sampling.samples = 7;
  job.sampling.min_sample_seconds = 0.025;
  job.sampling.warmup_seconds = 0.125;
  job.budget_seconds = 12.5;
  job.memory_limit = 1e9;
  return job;
}

// Inputs of a small problem, made as a run makes them.
Job with_inputs(const TemporaryFolder& folder) {
  Job job;
  job.dataset = "gaussian";
  job.problem = parse_problem("b1 h2 n6 d4");
  job.inputs_file = folder / "inputs";
  job.exact_rows_file = folder / "rows";
  const auto made = do_job(job, &find_fault_variant);
  CHECK(made.reasons == Reasons{});
  REQUIRE(made.status == Status::ok);
  job.variant = "steady";
  return job;
}

}  // namespace

TEST_CASE("a job survives the way to the worker") {
  const auto job = sample_job();
  CHECK(to_line(parse_job(to_line(job))) == to_line(job));
  const auto parsed = parse_job(to_line(job));
  CHECK(parsed.problem == job.problem);
  CHECK(parsed.seed == job.seed);
  CHECK(parsed.params == job.params);
  CHECK(parsed.extras == job.extras);
  CHECK(parsed.sampling.samples == 7);
  CHECK(parsed.budget_seconds == 12.5);
}

TEST_CASE("a result survives the way back") {
  JobResult result;
  result.job = sample_job().id;
  result.status = Status::mismatch;
  result.reasons = {"off by one"};
  result.isa = "AVX2";
  result.measured = TimedRound{.timing = {.samples_s = {0.25}, .iterations = {4}, .involuntary_switches = {1}, .warmup_calls = 2},
                               .peak_before_gflops = 90,
                               .load_1m = 0.5,
                               .counters = CountsPerCall{{{"cycles", 12.5}}, true},
                               .input_sets = 3,
                               .timed_by_variant = true,
                               .implementation = {{"library", "x 1.0"}}};
  result.token_labels = {"in", "the"};
  result.run_failed = true;
  const auto parsed = parse_result(to_line(result), sample_job());
  CHECK(parsed.status == Status::mismatch);
  CHECK(parsed.reasons == result.reasons);
  CHECK(parsed.isa == "AVX2");
  CHECK(to_json(parsed.measured) == to_json(result.measured));
  CHECK(parsed.token_labels == result.token_labels);
  CHECK(parsed.run_failed);
}

TEST_CASE("errors that are not numbers come back as none, and are not ok") {
  auto job = sample_job();
  job.kind = JobKind::verify;
  JobResult result;
  result.job = job.id;
  Verification verification;
  verification.rows = 3;
  verification.approximation.interval = {0.25, 0.5};
  result.measured = verification;
  const auto parsed = std::get<Verification>(parse_result(to_line(result), job).measured);
  CHECK(parsed.rows == 3);
  CHECK(parsed.approximation.interval == verification.approximation.interval);
  CHECK_FALSE(parsed.approximation.random_keys.has_value());
  verification.rel_rms = std::nan("");
  result.measured = verification;
  CHECK_THROWS(parse_result(to_line(result), job));
  result.status = Status::mismatch;
  result.reasons = {"not finite"};
  CHECK(std::isnan(std::get<Verification>(parse_result(to_line(result), job).measured).rel_rms));
}

TEST_CASE("what is not the result of its job is no result") {
  const auto job = sample_job();
  JobResult good;
  good.job = job.id;
  good.measured = TimedRound{.timing = {.samples_s = {0.1, 0.2}, .iterations = {1, 1}, .involuntary_switches = {0, 0}},
                             .peak_after_gflops = 9.5};
  REQUIRE_NOTHROW(parse_result(to_line(good), job));
  for (const char* line : {"", "[]", "{}", "{\"status\":\"ok\"}", "ok"}) CHECK_THROWS(parse_result(line, job));

  const auto refused = [&](const char* member, const Json& value) {
    CAPTURE(member, value.dump());
    auto line = Json::parse(to_line(good));
    line[member] = value;
    CHECK_THROWS(parse_result(line.dump(), job));
  };
  refused("job", job.id + 1);
  refused("status", "splendid");
  refused("status", "mismatch");  // without a reason
  refused("reasons", "one");
  refused("measured", Json::array());
  refused("measured", Json::object());
  for (const auto& samples : {Json::array(), Json({0.1, 0}), Json({0.1, -1}), Json({"fast"}), Json(0.1)}) {
    auto measured = to_json(good.measured);
    measured["samples_s"] = samples;
    refused("measured", measured);
  }
  for (const char* member : {"samples_s", "median_s", "min_s", "input_sets", "peak_gflops"})
    for (const auto& wrong : {Json(), Json("x"), Json::object()}) {
      auto measured = to_json(good.measured);
      measured[member] = wrong;
      refused("measured", measured);
    }
  auto failed = good;  // what it holds is stored all the same
  failed.status = Status::mismatch;
  failed.reasons = {"off by one"};
  REQUIRE_NOTHROW(parse_result(to_line(failed), job));
  auto line = Json::parse(to_line(failed));
  line["measured"]["prepare_s"] = "x";
  CHECK_THROWS(parse_result(line.dump(), job));
  line["measured"].erase("prepare_s");
  CHECK_THROWS(parse_result(line.dump(), job));
  CHECK_THROWS(parse_result(std::string(100'000, '['), job));
  CHECK_THROWS(parse_result(to_line(good) + to_line(good), job));
}

TEST_CASE("an ok of each kind carries its numbers") {
  auto job = sample_job();
  JobResult empty;
  empty.job = job.id;
  for (const auto kind : {JobKind::verify, JobKind::time, JobKind::memory}) {
    job.kind = kind;
    CHECK_THROWS(parse_result(to_line(empty), job));
  }
  job.kind = JobKind::inputs;
  CHECK_NOTHROW(parse_result(to_line(empty), job));
}

TEST_CASE("parameters travel as text that sets them again") {
  Params params{kSpecs};
  params.set("window", "64");
  params.set("rate", "0.1");
  params.set("inner", "blockwise");
  Params copy{kSpecs};
  for (const auto& [name, value] : param_texts(params)) copy.set(name, value);
  CHECK(copy.values() == params.values());
}

TEST_CASE("a worker verifies, times, weighs and draws a case") {
  const TemporaryFolder folder;
  auto job = with_inputs(folder);
  job.kind = JobKind::verify;
  const auto verified = do_job(job, &find_fault_variant);
  CHECK(verified.status == Status::ok);
  CHECK(std::get<Verification>(verified.measured).rows == 6);
  CHECK(verified.isa != "");

  job.kind = JobKind::time;
  job.sampling.samples = 2;
  job.sampling.min_sample_seconds = job.sampling.warmup_seconds = 0.001;
  job.budget_seconds = 60;
  const auto timed = do_job(job, &find_fault_variant);
  const auto& round = std::get<TimedRound>(timed.measured);
  CHECK(round.timing.samples_s.size() == 2);
  CHECK(round.min_s() <= round.median_s());
  CHECK(round.peak_gflops() > 0);

  // Machines of tests have no hardware counters as a rule; an event of the kernel's software takes the same way into the record.
  constexpr CounterEvent kTaskClock{"task_clock", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK};
  const auto counted = do_job(job, &find_fault_variant, std::span(&kTaskClock, 1));
  if (Counters(std::span(&kTaskClock, 1)).error() == 0) {
    const auto counters = std::get<TimedRound>(counted.measured).counters.value();
    CHECK(counters.values.at(0).first == "task_clock");
    CHECK(counters.values.at(0).second > 0);  // ns per call
    CHECK_FALSE(counters.scaled);
  }
  CHECK_FALSE(std::get<TimedRound>(do_job(job, &find_fault_variant, {}).measured).counters.has_value());

  job.kind = JobKind::memory;
  CHECK(std::get<MemoryUse>(do_job(job, &find_fault_variant).measured).workspace_peak ==
        320);  // 2 x 6 x 6 floats in whole lines of 64 bytes

  job.kind = JobKind::weights;
  job.weights_file = folder / "weights.npy";
  CHECK(do_job(job, &find_fault_variant).status == Status::ok);
  CHECK(read_text(job.weights_file).substr(1, 5) == "NUMPY");
}

TEST_CASE("whatever a job throws becomes a status with one line") {
  const TemporaryFolder folder;
  auto job = with_inputs(folder);
  job.kind = JobKind::verify;
  job.variant = "is_wrong";
  CHECK(do_job(job, &find_fault_variant).status == Status::mismatch);
  job.variant = "throws";
  CHECK(do_job(job, &find_fault_variant).status == Status::crashed);
  job.variant = "unheard_of";
  const auto unknown = do_job(job, &find_fault_variant);
  CHECK(unknown.status == Status::skipped);
  CHECK(has(unknown.reasons.at(0), "unheard_of"));
  job.variant = "steady";
  job.inputs_file = folder / "elsewhere";
  CHECK(do_job(job, &find_fault_variant).status == Status::crashed);
  job.kind = JobKind::inputs;
  job.dataset = "no_such_dataset";
  CHECK(do_job(job, &find_fault_variant).status == Status::skipped);
}
