// The job `weights`: the attention matrix of a small problem, written to a file for the heat maps.
#include <array>

#include "datasets/npy.h"
#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/support/storage_error.h"
#include "harness/worker/jobs.h"
#include "harness/worker/weights.h"
#include "variants/api/error.h"

namespace attnbench {

void draw_weights(const Job& job, VariantLookup find) {
  const auto config = select(job, find);
  CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  const Pinned pinned(caller_cpu(arena, *config.variant));
  auto weights = read_weights(config, job.problem, cached.inputs(config.extras(job.problem)), job.seed, arena.parallel());
  const std::array<std::int64_t, 3> shape{job.problem.heads_q, job.problem.n_q, job.problem.n_k};
  weights.resize(static_cast<std::size_t>(shape[0] * shape[1] * shape[2]));  // batch entry 0 is drawn
  try {
    write_npy(job.weights_file, shape, weights);
  } catch (const UserError& error) {
    throw StorageError(error.what());
  }
}

}  // namespace attnbench
