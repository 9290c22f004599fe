// The job `memory`: what a case needs beyond its inputs and output, against what it declares.
#include <algorithm>

#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/worker/honesty.h"
#include "harness/worker/jobs.h"
#include "harness/worker/memory_pass.h"

namespace attnbench {

// The plugin is loaded here and not before, so that what it takes while it is loaded counts.
void weigh_case(const Job& job, VariantLookup find, JobResult& result) {
  CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  const auto unloaded = private_bytes();
  const auto config = select(job, find);
  const Pinned pinned(caller_cpu(arena, *config.variant));
  const auto load_bytes = std::max<std::int64_t>(0, private_bytes() - unloaded);
  const auto inputs = cached.inputs(config.extras(job.problem));
  auto use = measure_memory(config, job.problem, inputs, job.seed, arena.parallel());
  use.load_bytes = load_bytes;
  use.input_bytes = static_cast<std::int64_t>(stored_bytes(inputs));
  result.measured = use;
  const auto fault = memory_fault(use, config.variant->cost(job.problem, config.params), job.threads);
  if (!fault.empty()) misdeclared(result, fault);
}

}  // namespace attnbench
