// Jobs: what a worker does for each kind of job, one file each. Whatever goes wrong is an exception, which do_job() turns into a
// status; a finding about the case is a status of the result.
#pragma once

#include <span>

#include "harness/measure/counters.h"
#include "harness/planning/variant_config.h"
#include "harness/protocol/job.h"
#include "harness/worker/worker.h"

namespace attnbench {

void make_inputs(const Job& job, JobResult& result);
void verify_case(const Job& job, VariantLookup find, JobResult& result);
void time_case(const Job& job, VariantLookup find, std::span<const CounterEvent> events, JobResult& result);
void weigh_case(const Job& job, VariantLookup find, JobResult& result);
void draw_weights(const Job& job, VariantLookup find);
void measure_machine(const Job& job, JobResult& result);

/// The variant and parameters of a job; loads its plugin. Throws UserError for an unknown variant or parameter.
VariantConfig select(const Job& job, VariantLookup find);

/// What a case did that its declaration or the rules of run() do not allow.
void misdeclared(JobResult& result, const std::string& fault);

}  // namespace attnbench
