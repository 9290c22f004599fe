// Worker: the short life of a process that does one job and answers with one line. Everything that runs a variant or reads a
// dataset on behalf of a run happens here.
#pragma once

#include <span>
#include <string_view>

#include "harness/measure/counters.h"
#include "harness/protocol/job.h"

namespace attnbench {

using VariantLookup = const Variant* (*)(std::string_view name);

/// Reads a job from standard input, does it, answers. `find` says which variants there are: the registry, or a test's own.
int worker_process(VariantLookup find);

/// Does a job in this process. A UserError becomes status skipped with its line, std::bad_alloc out_of_memory, any other exception
/// crashed. `events` are counted beside the samples of a timed variant.
JobResult do_job(const Job& job, VariantLookup find, std::span<const CounterEvent> events = hardware_events());

}  // namespace attnbench
