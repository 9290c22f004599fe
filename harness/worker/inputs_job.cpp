// The job `inputs`: tensors of a dataset, written to a file for the jobs that share them.
#include "datasets/dataset.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/worker/jobs.h"
#include "harness/worker/verify.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

// What one variant declares and the dataset cannot make is that variant's trouble alone.
std::vector<CachedExtra> make_extras(const Dataset& dataset, const Job& job) {
  std::vector<CachedExtra> extras;
  for (const auto& spec : job.extras) {
    auto& extra = extras.emplace_back(CachedExtra{spec, {}, {}});
    try {
      extra.tensor = dataset.make_extra(spec, job.problem, job.seed);
    } catch (const UserError& error) {
      extra.fault = error.what();
    }
  }
  return extras;
}

}  // namespace

void make_inputs(const Job& job, JobResult& result) {
  const auto dataset = open_dataset(job.dataset);
  const auto tensors = dataset->make(job.problem, job.seed);
  write_inputs(job.inputs_file, tensors, make_extras(*dataset, job));
  if (job.token_labels) result.token_labels = dataset->token_labels(job.problem, job.seed);
  if (job.exact_rows_file.empty()) return;
  const ThreadArena arena(job.threads);
  const Pinned pinned(arena.caller_cpu());
  write_doubles(job.exact_rows_file,
                exact_rows(job.problem, tensors.inputs(job.problem), {job.seed, job.rows_seed}, arena.parallel()));
}

}  // namespace attnbench
