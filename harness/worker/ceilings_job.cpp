// The job `ceilings`: the machine's peak FLOP/s and bandwidth.
#include "harness/measure/ceilings.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/worker/jobs.h"

namespace attnbench {

void measure_machine(const Job& job, JobResult& result) {
  const ThreadArena arena(job.threads);
  const Pinned pinned(arena.caller_cpu());
  result.measured = measure_ceilings({job.ceiling, job.quick, job.budget_seconds}, arena.parallel());
}

}  // namespace attnbench
