// The job `verify`: output against the oracle, and the declared cost against the problem.
#include <optional>

#include "harness/measure/parallel_tbb.h"
#include "harness/measure/pinning.h"
#include "harness/protocol/inputs_cache.h"
#include "harness/support/json.h"
#include "harness/worker/honesty.h"
#include "harness/worker/jobs.h"
#include "harness/worker/verify.h"

namespace attnbench {
namespace {

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
          {"output_digest", v.output_digest},
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

}  // namespace

void verify_case(const Job& job, VariantLookup find, JobResult& result) {
  const auto config = select(job, find);
  const CachedInputs cached(job.inputs_file, job.problem);
  const ThreadArena arena(job.threads);
  const Pinned pinned(caller_cpu(arena, *config.variant));
  const auto rows = read_doubles(job.exact_rows_file);
  const auto verification = verify(config, job.problem, cached.inputs(), {job.seed, job.rows_seed}, arena.parallel(), rows);
  result.status = verification.status;
  result.reasons = verification.reasons;
  result.measured = to_json(verification);
  if (result.status != Status::ok) return;
  if (const auto fault = cost_fault(config, job.problem); !fault.empty()) misdeclared(result, fault);
}

}  // namespace attnbench
