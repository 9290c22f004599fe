#include "harness/worker/worker.h"

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <new>
#include <system_error>

#include "harness/plugins/catalogue.h"
#include "harness/support/process.h"
#include "harness/support/storage_error.h"
#include "harness/worker/jobs.h"
#include "variants/api/error.h"
#include "variants/kernels/simd/isa.h"

namespace attnbench {
namespace {

constexpr int kNoJob = 70;  // EX_SOFTWARE: somebody else's program started us

void dispatch(const Job& job, VariantLookup find, std::span<const CounterEvent> events, JobResult& result) {
  switch (job.kind) {
    case JobKind::inputs: return make_inputs(job, result);
    case JobKind::verify: return verify_case(job, find, result);
    case JobKind::time: return time_case(job, find, events, result);
    case JobKind::memory: return weigh_case(job, find, result);
    case JobKind::weights: return draw_weights(job, find);
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

VariantConfig select(const Job& job, VariantLookup find) {
  if (!job.plugin.empty()) load_plugin(job.plugin);
  const Variant* variant = find(job.variant);
  if (!variant) throw UserError("no variant is called '" + job.variant + "'");
  VariantConfig config{variant, Params(variant->params)};
  for (const auto& [name, value] : job.params) config.params.set(name, value);
  return config;
}

void misdeclared(JobResult& result, const std::string& fault) {
  result.status = Status::misdeclared;
  result.reasons = {fault};
  result.measured = {};
}

JobResult do_job(const Job& job, VariantLookup find, std::span<const CounterEvent> events) {
  JobResult result;
  const auto fail = [&](Status status, std::string reason) {
    result.status = status;
    result.reasons = {std::move(reason)};
    result.measured = {};
  };
  try {
    dispatch(job, find, events, result);
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
  apply_process_limits(job.memory_limit);
  return answer(to_line(do_job(job, find))) ? 0 : kNoJob;
}

}  // namespace attnbench
