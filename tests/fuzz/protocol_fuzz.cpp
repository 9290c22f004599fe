// What travels between a run and its workers: a job one way, its result the other. The first byte picks the way.
#include <exception>
#include <optional>

#include "harness/protocol/job.h"
#include "tests/fuzz/fuzz.h"

using namespace attnbench;

namespace {

// Both readers may throw whatever they like as long as it is an exception: their callers turn it into a status.
template <class F>
auto understood(F&& f) -> std::optional<decltype(f())> {
  try {
    return f();
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

void check_job(const std::string& line) {
  const auto job = understood([&] { return parse_job(line); });
  if (!job) return;
  const auto printed = to_line(*job);
  const auto again = understood([&] { return parse_job(printed); });
  fuzz::require(again && to_line(*again) == printed, "a job survives the way to the worker");
  fuzz::require(again->problem == job->problem && again->params == job->params, "a job keeps its problem and parameters");
}

void check_result(const std::string& line, JobKind kind) {
  Job job;
  job.id = 7;
  job.kind = kind;
  const auto result = understood([&] { return parse_result(line, job); });
  if (!result) return;
  fuzz::require(result->job == job.id, "a result names its job");
  fuzz::require(result->status == Status::ok || !result->reasons.empty(), "a failure has a reason");
  if (result->status == Status::ok && kind == JobKind::time)
    fuzz::require(std::get<TimedRound>(result->measured).median_s() > 0, "an ok time is a time");
  const auto printed = to_line(*result);
  const auto again = understood([&] { return parse_result(printed, job); });
  fuzz::require(again && to_line(*again) == printed, "a result survives the way back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string line(fuzz::as_text(data + 1, size - 1));
  if (data[0] == 'j') check_job(line);
  else check_result(line, data[0] == 't' ? JobKind::time : data[0] == 'm' ? JobKind::memory : JobKind::verify);
  return 0;
}
