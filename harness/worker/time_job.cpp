// The job `time`: samples of a case, with what the machine, the threads and the output were like beside them.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "harness/measure/parallel_tbb.h"
#include "harness/measure/peak_probe.h"
#include "harness/measure/pinning.h"
#include "harness/measure/thread_clock.h"
#include "harness/measure/timer.h"
#include "harness/planning/cold_cache.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/support/cache_sizes.h"
#include "harness/support/median.h"
#include "harness/worker/guarded_output.h"
#include "harness/worker/honesty.h"
#include "harness/worker/input_sets.h"
#include "harness/worker/jobs.h"
#include "harness/worker/output_digest.h"
#include "harness/worker/verify.h"
#include "variants/api/variant_call.h"

namespace attnbench {
namespace {

double wall_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// A case about to be timed, and the set of inputs its next call works on.
struct TimedCase {
  const Variant& variant;
  VariantCall& prepared;
  const Parallel& parallel;
  InputSets& sets;

  TensorRef output{};                // of the last call
  std::int64_t calls = 0, idle = 0;  // timed calls, and those that did not write an element that was looked at
  std::uint64_t random = 1;

  template <class Use>
  auto with_next_task(Use&& use) {
    const auto& set = sets.next();
    output = set.output;
    return use(prepared.task(set.inputs, set.output));
  }

  // One call. An element drawn at random is poisoned first: a call that does its work writes it again.
  void call() {
    with_next_task([this](const RunTask& task) {
      random = random * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX
      const auto count = static_cast<double>(element_count(task.output.shape));
      float& element =
          static_cast<float*>(task.output.data)[static_cast<std::int64_t>(static_cast<double>(random >> 11) * 0x1p-53 * count)];
      element = GuardedOutput::poison();
      variant.run(task);
      ++calls;
      idle += GuardedOutput::is_poison(element);
    });
  }

  // Calls that the variant times itself, and the harness beside it.
  ClockPair time_calls(std::int64_t count) {
    const auto start = std::chrono::steady_clock::now();
    const double claimed = with_next_task([&](const RunTask& task) { return variant.time_calls(task, count); });
    return {claimed, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()};
  }
};

// A variant in another process or language times itself, as the way there is not its work.
Timing time_variant(TimedCase& timed, const TimerOptions& options) {
  if (!timed.variant.time_calls) return measure([&] { timed.call(); }, options);
  return measure_by([&](std::int64_t count) { return timed.time_calls(count).claimed; }, options);
}

// Why the time cannot be believed although it was taken; empty when it can. The stopwatch of a variant is tried on as many calls as
// a sample has and on three times as many, three times where that takes less than a second.
std::string stopwatch_fault(TimedCase& timed, std::int64_t calls) {
  if (!timed.variant.time_calls) return {};
  std::string fault;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const auto few = timed.time_calls(calls), many = timed.time_calls(3 * calls);
    fault = clock_fault(few, many);
    if (fault.empty() || few.outer + many.outer > 1) break;
  }
  return fault;
}

// Readings of the clocks in an order by which a thread that is held up between two of them makes the use of foreign threads and of
// cores look too small, never too large, as the others run on meanwhile.
ThreadTimes begin_thread_times(const ThreadArena& arena) {
  ThreadTimes begin;
  begin.wall = wall_seconds();
  begin.arena = arena.cpu_seconds();
  begin.earlier = arena.earlier_cpu_seconds();
  begin.process = process_cpu_seconds();
  return begin;
}

ThreadTimes thread_times_since(const ThreadTimes& begin, const ThreadArena& arena) {
  ThreadTimes use;
  use.process = process_cpu_seconds() - begin.process;
  use.earlier = arena.earlier_cpu_seconds() - begin.earlier;
  use.arena = arena.cpu_seconds() - begin.arena;
  use.wall = wall_seconds() - begin.wall;
  return use;
}

// Threads of its own. A pool of a library that has just started spins for some milliseconds, so a suspicion has to hold for more
// calls that take a fifth of a second.
std::string own_threads_fault(TimedCase& timed, const ThreadTimes& sampled, const ThreadArena& arena, std::int64_t calls) {
  constexpr double kSeconds = 0.2;
  const int threads = timed.parallel.threads();
  const bool has_library = timed.variant.implementation != nullptr;
  if (threads_fault(sampled, threads, has_library).empty()) return {};
  const auto begin = begin_thread_times(arena);
  while (wall_seconds() - begin.wall < kSeconds)
    if (timed.variant.time_calls) timed.time_calls(calls);
    else timed.call();
  return threads_fault(thread_times_since(begin, arena), threads, has_library);
}

// Whether the output of the last timed call is the one that was verified, bit for bit or within the same bounds.
void judge_last_output(const Job& job, const VariantConfig& config, TimedCase& timed, const Inputs& inputs, JobResult& result) {
  const auto fail = [&](Status status, Reasons reasons) {
    result.status = status;
    result.reasons = std::move(reasons);
    result.measured = {};
  };
  if (timed.idle > 0)
    return fail(Status::mismatch, {fmt::format("{} of {} timed calls left an element of the output unwritten that was looked at",
                                               timed.idle, timed.calls)});
  if (output_digest(timed.output) == job.verified_output) return;
  const auto v = judge_output(config, job.problem, inputs, timed.prepared.prepared(), job.rows_seed, timed.parallel, timed.output);
  if (v.status == Status::ok) return;
  auto reasons = v.reasons;
  reasons.front() = "the output of the last timed call is not the one that was verified: " + reasons.front();
  fail(v.status, std::move(reasons));
}

double peak_now(const ThreadArena& arena) {
  const Pinned pinned(arena.caller_cpu());
  return probe_peak_gflops(arena.parallel());
}

std::optional<double> load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? std::optional(load) : std::nullopt;
}

}  // namespace

// The plugin is loaded once the arena is there, so that threads which it starts are its own.
void time_case(const Job& job, VariantLookup find, std::span<const CounterEvent> events, JobResult& result) {
  const auto& p = job.problem;
  CachedInputs cached(job.inputs_file, p);
  const int known_cores = physical_cores();
  const int cores = known_cores > 0 ? std::min(job.threads, known_cores) : job.threads;
  Counters counters(events);  // before the threads that it shall count
  const ThreadArena arena(job.threads);
  const auto config = select(job, find);
  const auto& [variant, params] = config;
  const auto cpu = caller_cpu(arena, *variant);
  const Pinned pinned(cpu);
  const auto inputs = cached.inputs(config.extras(p));
  InputSets sets(inputs, p, input_sets(p, job.sampling.cache, cache_bytes()));
  VariantCall prepared(*variant, params, p, job.seed, arena.parallel());

  TimedCase timed{*variant, prepared, arena.parallel(), sets};
  double peak_before = 0;
  ThreadTimes begin;
  const auto timing = time_variant(timed, {.samples = job.sampling.samples,
                                           .min_sample_seconds = job.sampling.min_sample_seconds,
                                           .warmup_seconds = job.sampling.warmup_seconds,
                                           .budget_seconds = job.budget_seconds,
                                           .before_samples =
                                               [&] {
                                                 peak_before = peak_now(arena);
                                                 begin = begin_thread_times(arena);
                                               },
                                           .before_sample =
                                               [&] {
                                                 sets.poison_outputs();
                                                 counters.start();
                                               },
                                           .after_sample = [&] { counters.stop(); }});
  const auto sampled = thread_times_since(begin, arena);
  const double needed_gflops = variant->cost ? 2e-9 * variant->cost(p, params).multiply_adds / median(timing.samples_s) : 0;
  const auto probe = [&] { return peak_now(arena); };
  double peak_after = probe();
  if (peak_before < needed_gflops)
    peak_after = undisturbed_peak(peak_after, needed_gflops, cores, probe, [] { return probe_peak_gflops(Parallel()); });
  const auto calls = std::accumulate(timing.iterations.begin(), timing.iterations.end(), std::int64_t{0});
  TimedRound round{.timing = timing,
                   .peak_before_gflops = peak_before,
                   .peak_after_gflops = peak_after,
                   .load_1m = load_average(),
                   .counters = per_call(counters.counts(), calls),
                   .prepare_s = prepared.prepare_seconds(),
                   .input_sets = sets.count(),
                   .pinned = cpu.has_value(),
                   .timed_by_variant = variant->time_calls != nullptr};
  if (job.judge_output) judge_last_output(job, config, timed, inputs, result);
  if (result.status != Status::ok) return;

  auto fault = own_threads_fault(timed, sampled, arena, timing.iterations.front());
  if (fault.empty()) fault = stopwatch_fault(timed, timing.iterations.front());
  if (!fault.empty()) return misdeclared(result, fault);
  if (variant->implementation) round.implementation = timed.with_next_task(variant->implementation);
  result.measured = std::move(round);
}

}  // namespace attnbench
