// The job `verify`: output against the oracle, and the declared cost against the problem.
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/worker/honesty.h"
#include "harness/worker/jobs.h"
#include "harness/worker/verify.h"

namespace attnbench {

void verify_case(const Job& job, VariantLookup find, JobResult& result) {
  const auto config = select(job, find);
  CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  const Pinned pinned(caller_cpu(arena, *config.variant));
  const auto rows = read_doubles(job.exact_rows_file);
  const auto verification =
      verify(config, job.problem, cached.inputs(config.extras(job.problem)), {job.seed, job.rows_seed}, arena.parallel(), rows);
  result.status = verification.status;
  result.reasons = verification.reasons;
  result.measured = verification;
  if (result.status != Status::ok) return;
  if (const auto fault = cost_fault(config, job.problem); !fault.empty()) misdeclared(result, fault);
}

}  // namespace attnbench
