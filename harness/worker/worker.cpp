#include "harness/worker/worker.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <new>
#include <optional>
#include <system_error>

#include "datasets/npy.h"
#include "harness/calibration/ceilings.h"
#include "harness/planning/cold_cache.h"
#include "harness/plugins/catalogue.h"
#include "harness/run/process.h"
#include "harness/storage_error.h"
#include "harness/worker/input_sets.h"
#include "harness/worker/inputs_cache.h"
#include "harness/worker/memory_pass.h"
#include "harness/worker/parallel_tbb.h"
#include "harness/worker/peak_probe.h"
#include "harness/worker/timer.h"
#include "harness/worker/verify.h"
#include "harness/worker/weights.h"
#include "variants/api/error.h"
#include "variants/kernels/isa.h"

namespace attnbench {
namespace {

constexpr int kNoJob = 70;  // EX_SOFTWARE: somebody else's program started us

Selected select(const Job& job, VariantLookup find) {
  if (!job.plugin.empty()) load_plugin(job.plugin);
  const Variant* variant = find(job.variant);
  if (!variant) throw UserError("no variant is called '" + job.variant + "'");
  Selected selected{variant, Params(variant->params)};
  for (const auto& [name, value] : job.params) selected.params.set(name, value);
  return selected;
}

void make_inputs(const Job& job, JobResult& result) {
  const auto dataset = open_dataset(job.dataset);
  const auto tensors = dataset->make(job.problem, job.seed);
  write_inputs(job.inputs_file, tensors);
  if (job.token_labels) result.token_labels = dataset->token_labels(job.problem, job.seed);
  if (job.exact_rows_file.empty()) return;
  const ThreadArena arena(job.threads);
  write_doubles(job.exact_rows_file, exact_rows(job.problem, tensors.inputs(job.problem), job.seed, arena.parallel()));
}

Json number_or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json to_json(const Verification& v) {
  const auto& a = v.approximation;
  return {{"oracle", name_of(v.oracle)},
          {"rows", v.rows},
          {"rel_rms", v.rel_rms},
          {"max_abs", v.max_abs},
          {"tolerance_rel_rms", v.tolerance_rel_rms},
          {"tolerance_max_abs", v.tolerance_max_abs},
          {"mostly_constant", v.mostly_constant},
          {"guards_intact", v.guards_intact},
          {"workspace_within_declared", v.workspace_within_declared},
          {"deterministic", v.deterministic},
          {"approximation_rel_rms", a.rel_rms},
          {"approximation_max_abs", a.max_abs},
          {"approximation_cosine", a.cosine},
          {"approximation_rows", a.rows},
          {"approximation_interval", a.interval ? Json(*a.interval) : Json()},
          {"baseline_zeros_rel_rms", a.zeros_rel_rms},
          {"baseline_mean_v_rel_rms", a.mean_v_rel_rms},
          {"baseline_random_keys_rel_rms", number_or_null(a.random_keys_rel_rms)},
          {"baseline_random_keys", number_or_null(a.random_keys)}};
}

void verify_case(const Job& job, const Selected& selected, JobResult& result) {
  const CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  const auto rows = read_doubles(job.exact_rows_file);
  const auto verification = verify(selected, job.problem, cached.inputs(), job.seed, arena.parallel(), rows);
  result.status = verification.status;
  result.reasons = verification.reasons;
  result.measured = to_json(verification);
}

// A case about to be timed, and the set of inputs its next call works on.
struct TimedCase {
  const Variant& variant;
  const Params& params;
  const Problem& problem;
  const Prepared& prepared;
  Workspace& workspace;
  const Parallel& parallel;
  InputSets& sets;

  template <class Use>
  auto with_next_task(Use&& use) {
    workspace.reset();
    const auto set = sets.next();
    return use(RunTask{problem, params, set.inputs, set.output, prepared, workspace, parallel});
  }
};

// A variant in another process or language times itself, as the way there is not its work.
Timing time_variant(TimedCase& timed, const TimerOptions& options) {
  const auto& variant = timed.variant;
  if (!variant.time_calls) return measure([&] { timed.with_next_task(variant.run); }, options);
  return measure_by(
      [&](std::int64_t count) {
        return timed.with_next_task([&](const RunTask& task) { return variant.time_calls(task, count); });
      },
      options);
}

// What a variant from elsewhere says about what ran.
Json implementation_json(TimedCase& timed) {
  Json facts = Json::object();
  if (timed.variant.implementation)
    for (const auto& [name, text] : timed.with_next_task(timed.variant.implementation)) facts[name] = text;
  return facts;
}

Json load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? Json(load) : Json();
}

// What the samples gave, and what the machine was like beside them.
Json to_json(const Timing& timing, double peak_before, double peak_after) {
  const double peak = std::max(peak_before, peak_after);
  return {{"samples_s", timing.samples_s},
          {"iterations", timing.iterations},
          {"median_s", median(timing.samples_s)},
          {"min_s", *std::min_element(timing.samples_s.begin(), timing.samples_s.end())},
          {"warmup_calls", timing.warmup_calls},
          {"involuntary_switches", timing.involuntary_switches},
          {"load_1m", load_average()},
          {"peak_gflops", peak},
          {"peak_before_gflops", peak_before},
          {"peak_after_gflops", peak_after},
          {"clock_drift", peak > 0 ? Json(std::abs(peak_after - peak_before) / peak) : Json()}};
}

void time_case(const Job& job, const Selected& selected, JobResult& result) {
  const auto& [variant, params] = selected;
  const auto& p = job.problem;
  const CachedInputs cached(job.inputs_file, p);
  const ThreadArena arena(job.threads);
  InputSets sets(cached.inputs(), p, input_sets(p, job.sampling.cache, cache_bytes()));
  const auto start = std::chrono::steady_clock::now();
  const auto prepared = prepare(*variant, p, params, job.seed, job.threads);
  const std::chrono::duration<double> prepare_time = std::chrono::steady_clock::now() - start;
  Workspace workspace(declared_workspace(*variant, p, params, job.threads));

  TimedCase timed{*variant, params, p, prepared, workspace, arena.parallel(), sets};
  double peak_before = 0;
  const auto timing = time_variant(timed, {.samples = job.sampling.samples,
                                           .min_sample_seconds = job.sampling.min_sample_seconds,
                                           .warmup_seconds = job.sampling.warmup_seconds,
                                           .budget_seconds = job.budget_seconds,
                                           .before_samples = [&] { peak_before = probe_peak_gflops(arena.parallel()); }});
  result.measured = to_json(timing, peak_before, probe_peak_gflops(arena.parallel()));
  result.measured["prepare_s"] = prepare_time.count();
  result.measured["input_sets"] = sets.count();
  result.measured["timed_by"] = variant->time_calls ? "variant" : "harness";
  if (const auto facts = implementation_json(timed); !facts.empty()) result.measured["implementation"] = facts;
}

void weigh_case(const Job& job, const Selected& selected, JobResult& result) {
  const CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  const auto use = measure_memory(selected, job.problem, cached.inputs(), job.seed, arena.parallel());
  result.measured = {{"workspace_declared", use.workspace_declared},
                     {"workspace_peak", use.workspace_peak},
                     {"prepared_bytes", use.prepared_bytes},
                     {"input_bytes", cached.bytes()},
                     {"output_bytes", use.output_bytes},
                     {"rss_baseline", use.rss_baseline},
                     {"rss_peak", use.rss_peak},
                     {"children_peak", use.children_peak},
                     {"stray_allocations", use.stray_allocations},
                     {"stray_bytes", use.stray_bytes}};
}

void draw_weights(const Job& job, const Selected& selected) {
  const CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  auto weights = read_weights(selected, job.problem, cached.inputs(), job.seed, arena.parallel());
  const std::array<std::int64_t, 3> shape{job.problem.heads_q, job.problem.n_q, job.problem.n_k};
  weights.resize(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]));  // batch entry 0 is drawn
  try {
    write_npy(job.weights_file, shape, weights);
  } catch (const UserError& error) {
    throw StorageError(error.what());
  }
}

void measure_machine(const Job& job, JobResult& result) {
  const ThreadArena arena(job.threads);
  result.measured = to_json(measure_ceilings({job.ceiling, job.quick, job.budget_seconds}, arena.parallel()));
}

void dispatch(const Job& job, VariantLookup find, JobResult& result) {
  switch (job.kind) {
    case JobKind::inputs: return make_inputs(job, result);
    case JobKind::verify: return verify_case(job, select(job, find), result);
    case JobKind::time: return time_case(job, select(job, find), result);
    case JobKind::memory: return weigh_case(job, select(job, find), result);
    case JobKind::weights: return draw_weights(job, select(job, find));
    case JobKind::ceilings: return measure_machine(job, result);
  }
}

// Whether the machine has no thread, descriptor or room left, which is no fault of the case.
bool is_shortage(const std::error_code& code) {
  constexpr std::errc kShortages[] = {std::errc::resource_unavailable_try_again, std::errc::too_many_files_open,
                                      std::errc::too_many_files_open_in_system, std::errc::no_space_on_device};
  return std::find(std::begin(kShortages), std::end(kShortages), code) != std::end(kShortages);
}

}  // namespace

JobResult do_job(const Job& job, VariantLookup find) {
  JobResult result;
  const auto fail = [&](Status status, std::string reason) {
    result.status = status;
    result.reasons = {std::move(reason)};
    result.measured = Json::object();
  };
  try {
    dispatch(job, find, result);
  } catch (const StorageError& error) {
    fail(Status::skipped, error.what());
    result.run_failed = true;
  } catch (const UserError& error) {
    fail(Status::skipped, error.what());
  } catch (const std::bad_alloc&) {
    fail(Status::out_of_memory, "an allocation failed; use a smaller problem, or a variant that needs less memory");
  } catch (const std::system_error& error) {
    fail(Status::crashed, std::string("an exception: ") + error.what());
    result.run_failed = is_shortage(error.code());
  } catch (const std::exception& error) {
    fail(Status::crashed, std::string("an exception: ") + error.what());
  }
  result.job = job.id;
  result.isa = kernels::current_isa();
  return result;
}

int worker_process(VariantLookup find) {
  std::string line;
  std::getline(std::cin, line);
  Job job;
  try {
    job = parse_job(line);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attnbench worker: no job on standard input (%s); the run command starts workers itself\n", error.what());
    return kNoJob;
  }
  if (!confine_this_process(job.parent, job.memory_limit)) return kNoJob;
  return answer(to_line(do_job(job, find))) ? 0 : kNoJob;
}

}  // namespace attnbench
