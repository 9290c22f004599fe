#include "harness/protocol/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "harness/support/json.h"
#include "harness/support/process.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr const char* kCacheNames[] = {name_of(CacheMode::hot), name_of(CacheMode::cold)};
constexpr const char* kNotLoaded = "error while loading shared libraries";  // the dynamic loader's last words

template <class Enum, std::size_t Count>
Enum from_name(const char* const (&names)[Count], const std::string& name) {
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) throw std::invalid_argument("unknown name " + name);
  return static_cast<Enum>(found - std::begin(names));
}

std::string text_of(const ParamValue& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  if (const auto* word = std::get_if<std::string>(&value)) return *word;
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, std::get<double>(value)).ptr};
}

Json sampling_json(const Sampling& s) {
  return {{"samples", s.samples},
          {"min_sample_seconds", s.min_sample_seconds},
          {"warmup_seconds", s.warmup_seconds},
          {"cache", name_of(s.cache)}};
}

Sampling parse_sampling(const Json& json) {
  Sampling s;
  s.samples = integer_of<int>(json.at("samples"));
  s.min_sample_seconds = json.at("min_sample_seconds");
  s.warmup_seconds = json.at("warmup_seconds");
  s.cache = from_name<CacheMode>(kCacheNames, json.at("cache"));
  return s;
}

Json extras_json(const std::vector<InputSpec>& extras) {
  Json list = Json::array();
  for (const auto& spec : extras)
    list.push_back({{"name", spec.name},
                    {"shape", spec.shape},
                    {"dtype", name_of(spec.dtype)},
                    {"fill", kFillNames[static_cast<std::size_t>(spec.fill.kind)]},
                    {"a", spec.fill.a},
                    {"b", spec.fill.b}});
  return list;
}

InputSpec parse_spec(const Json& json) {
  InputSpec spec{json.at("name"), json.at("shape").get<Shape>()};
  const auto dtype = parse_float_dtype(json.at("dtype").get<std::string>());
  if (!dtype) throw std::invalid_argument("an extra input of no floating-point type");
  spec.dtype = *dtype;
  spec.fill = {from_name<Fill::Kind>(kFillNames, json.at("fill")), json.at("a"), json.at("b")};
  return spec;
}

// An ok without its numbers would be an empty word.
void require_measured(const Measurement& measured, JobKind kind) {
  const bool needed = kind == JobKind::verify || kind == JobKind::time || kind == JobKind::memory || kind == JobKind::ceilings;
  if (needed && std::holds_alternative<std::monostate>(measured)) throw std::invalid_argument("an ok without a measurement");
  const auto* verification = std::get_if<Verification>(&measured);
  if (verification && !(std::isfinite(verification->rel_rms) && std::isfinite(verification->max_abs)))
    throw std::invalid_argument("status ok, but its errors are not numbers");
}

// Unlike any other of this process, and of processes before it.
std::uint64_t fresh_id() {
  static std::uint64_t last = static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
  return ++last;
}

// Why a process that gave no result gave none.
std::string reason_of(const ProcessOutcome& outcome, const std::string& what) {
  const std::string said = outcome.stderr_tail.empty() ? "" : "; the end of its standard error: " + outcome.stderr_tail;
  return fmt::format("the worker process {} after {:.1f} s{}", what, outcome.wall_seconds, said);
}

JobResult failed(Status status, const ProcessOutcome& outcome, const std::string& what) {
  JobResult result;
  result.status = status;
  result.reasons = {reason_of(outcome, what)};
  return result;
}

JobResult result_of_exit(const ProcessOutcome& outcome, const Job& job) {
  if (outcome.answer.empty())
    return failed(Status::crashed, outcome, fmt::format("exited with status {} and no result", outcome.code));
  try {
    return parse_result(outcome.answer, job);
  } catch (const std::exception&) {
    return failed(Status::crashed, outcome, "answered with something that is not a result of its job");
  }
}

// No case is to blame when the machine has no process, descriptor or memory for a worker, and the next case would fare no better.
void require_started(const ProcessOutcome& outcome) {
  const bool started = outcome.end != ProcessOutcome::End::not_started;
  const bool loaded = outcome.stderr_tail.find(kNotLoaded) == std::string::npos || !outcome.answer.empty();
  if (started && loaded) return;
  throw UserError("cannot start worker processes: " + (started ? outcome.stderr_tail : std::strerror(outcome.code)) +
                  "; check the limits on open files (ulimit -n), processes (ulimit -u) and memory, then carry on with --resume");
}

JobResult result_of(const ProcessOutcome& outcome, const Job& job) {
  using End = ProcessOutcome::End;
  JobResult stopped;
  stopped.interrupted = true;
  switch (outcome.end) {
    case End::exited: return result_of_exit(outcome, job);
    case End::timed_out:
      return failed(Status::timeout, outcome, fmt::format("was stopped at its limit of {:g} s", job.sampling.timeout_seconds));
    case End::output_limit_exceeded:
      return failed(Status::crashed, outcome, fmt::format("was stopped for an answer of more than {} MiB", kAnswerLimit >> 20));
    case End::stopped: return stopped;
    case End::not_started:  // run_job() has thrown
    case End::signaled: break;
  }
  if (outcome.kernel_out_of_memory) return failed(Status::out_of_memory, outcome, "was killed by the kernel's OOM killer");
  return failed(Status::crashed, outcome, fmt::format("was ended by signal {} ({})", outcome.code, ::strsignal(outcome.code)));
}

}  // namespace

ParamTexts param_texts(const Params& params) {
  ParamTexts texts;
  for (std::size_t i = 0; i < params.specs().size(); ++i) texts.emplace_back(params.specs()[i].name, text_of(params.values()[i]));
  return texts;
}

std::string to_line(const Job& job) {
  Json params = Json::object();
  for (const auto& [name, value] : job.params) params[name] = value;
  const Json json = {{"id", job.id},
                     {"kind", name_of(job.kind)},
                     {"dataset", job.dataset},
                     {"problem", to_string(job.problem)},
                     {"variant", job.variant},
                     {"params", params},
                     {"plugin", job.plugin},
                     {"threads", job.threads},
                     {"seed", job.seed},
                     {"rows_seed", job.rows_seed},
                     {"verified_output", job.verified_output},
                     {"judge_output", job.judge_output},
                     {"extras", extras_json(job.extras)},
                     {"inputs_file", job.inputs_file},
                     {"exact_rows_file", job.exact_rows_file},
                     {"weights_file", job.weights_file},
                     {"token_labels", job.token_labels},
                     {"ceiling", job.ceiling},
                     {"quick", job.quick},
                     {"sampling", sampling_json(job.sampling)},
                     {"budget_seconds", job.budget_seconds},
                     {"memory_limit", job.memory_limit}};
  return json.dump() + "\n";
}

Job parse_job(const std::string& line) {
  const auto json = parse_json(line);
  if (!json.is_object()) throw std::invalid_argument("it is not a JSON object");
  Job job;
  job.id = integer_of<std::uint64_t>(json.at("id"));
  job.kind = from_name<JobKind>(kJobKindNames, json.at("kind"));
  job.dataset = json.at("dataset");
  job.problem = parse_problem(json.at("problem").get<std::string>());
  job.variant = json.at("variant");
  for (const auto& [name, value] : json.at("params").items()) job.params.emplace_back(name, value);
  job.plugin = json.at("plugin");
  job.threads = integer_of<int>(json.at("threads"));
  job.seed = integer_of<std::uint64_t>(json.at("seed"));
  job.rows_seed = integer_of<std::uint64_t>(json.at("rows_seed"));
  job.verified_output = json.at("verified_output");
  job.judge_output = json.at("judge_output");
  for (const auto& spec : json.at("extras")) job.extras.push_back(parse_spec(spec));
  job.inputs_file = json.at("inputs_file");
  job.exact_rows_file = json.at("exact_rows_file");
  job.weights_file = json.at("weights_file");
  job.token_labels = json.at("token_labels");
  job.ceiling = json.at("ceiling");
  job.quick = json.at("quick");
  job.sampling = parse_sampling(json.at("sampling"));
  job.budget_seconds = json.at("budget_seconds");
  job.memory_limit = json.at("memory_limit");
  return job;
}

std::string to_line(const JobResult& result) {
  const Json json = {{"job", result.job},
                     {"status", name_of(result.status)},
                     {"reasons", result.reasons},
                     {"isa", result.isa},
                     {"measured", to_json(result.measured)},
                     {"token_labels", result.token_labels},
                     {"run_failed", result.run_failed}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

JobResult parse_result(const std::string& line, const Job& job) {
  const auto json = parse_json(line);
  if (!json.is_object()) throw std::invalid_argument("it is not a JSON object");
  JobResult result;
  if (json.at("job") != job.id) throw std::invalid_argument("the result of another job");
  result.job = job.id;
  result.status = from_name<Status>(kStatusNames, json.at("status"));
  result.reasons = json.at("reasons").get<Reasons>();
  result.isa = json.at("isa");
  result.measured = measurement_of(job.kind, json.at("measured"));
  result.token_labels = json.at("token_labels").get<std::vector<std::string>>();
  result.run_failed = json.at("run_failed");
  if (result.status != Status::ok && result.reasons.empty()) throw std::invalid_argument("a failure without a reason");
  if (result.status == Status::ok) require_measured(result.measured, job.kind);
  return result;
}

JobResult run_job(const Job& asked, const std::string& self, const std::function<bool()>& keep_going) {
  auto job = asked;
  job.id = fresh_id();
  const auto outcome = run_process({.command = {self, "worker"},
                                    .input = to_line(job),
                                    .timeout_seconds = job.sampling.timeout_seconds,
                                    .keep_going = keep_going});
  require_started(outcome);
  auto result = result_of(outcome, job);
  result.wall_seconds = outcome.wall_seconds;
  return result;
}

}  // namespace attnbench
