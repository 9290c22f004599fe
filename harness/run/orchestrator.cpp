#include "harness/run/orchestrator.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "harness/plugins/catalogue.h"
#include "harness/run/interrupt.h"
#include "harness/run/ledger.h"
#include "harness/run/progress.h"
#include "harness/run/schedule.h"
#include "harness/storage_error.h"
#include "harness/store/environment.h"
#include "harness/store/record.h"
#include "harness/store/run_file.h"
#include "variants/api/error.h"
#include "variants/kernels/isa.h"

namespace attnbench {
namespace {

namespace fs = std::filesystem;

// What a worker may own beyond what the plan allows a case: its code, thread stacks, and the buffers of OpenBLAS and TBB.
constexpr double kWorkerBytes = 512e6;
constexpr double kThreadBytes = 64e6;

// The files that the workers of a group share, and what making them gave.
struct GroupInputs {
  std::string file, exact_rows_file;
  JobResult result;
  std::string started;
};

// Pieces of work and the seconds they should take together.
struct Work {
  int count = 0;
  double seconds = 0;
  void add(int more, double each) {
    count += more;
    seconds += more * each;
  }
};

// A label as a file name.
std::string file_name(std::string label) {
  for (char& c : label)
    if (!std::isalnum(static_cast<unsigned char>(c)) && !std::strchr("_-.,=()", c)) c = '_';
  return label;
}

class Run {
 public:
  Run(const Plan& plan, const RunOptions& options, Store& store, int session);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  RunOutcome run_all();
  /// Why a dataset could not make the inputs of a group; empty when all could.
  const std::string& input_refusal() const { return input_refusal_; }

 private:
  void record_refusals();
  void run_group(const Group& group);
  void mention_cap(const Case& point);
  void draw_weights();
  void draw_dataset(const std::vector<Case>& cases);

  GroupInputs make_inputs(const Case& point, bool exact_rows, bool token_labels);
  void blame_inputs(const Group& group, const GroupInputs& inputs);
  void remove_inputs(const GroupInputs& inputs) const;
  Job job_for(JobKind kind, const Case& point, const GroupInputs& inputs) const;
  JobResult work(const Job& job, const Case& point, int round = 0);
  void perform(JobKind kind, const Case& point, const GroupInputs& inputs, int round = 0);
  void record(JobKind kind, const Case& point, int round, const JobResult& result, const std::string& started);
  void count_done(JobKind kind, const Case& point);

  double predicted(JobKind kind, const Case& point) const { return predicted_job_seconds(kind, point, plan_.sampling); }
  Work work_ahead(const Case& point) const;
  Work work_ahead(const Group& group) const;
  bool stopped() const { return interrupt_.interrupted(); }

  const Plan& plan_;
  const RunOptions& options_;
  Store& store_;
  int session_;  // of run.json
  Ledger ledger_;
  std::string inputs_directory_;
  std::string isa_ = kernels::current_isa();
  InterruptGuard interrupt_;
  Progress progress_{stderr};
  std::string input_refusal_;
  Work ahead_;  // announced to progress_ for the group in hand and not done yet
};

Run::Run(const Plan& plan, const RunOptions& options, Store& store, int session)
    : plan_(plan),
      options_(options),
      store_(store),
      session_(session),
      ledger_(plan, store, options.verify_only),
      inputs_directory_(options.directory + "/inputs") {
  std::error_code error;
  fs::remove_all(inputs_directory_, error);  // left by a run that was killed
  fs::create_directories(inputs_directory_, error);
  if (error)
    throw StorageError("cannot make " + inputs_directory_ + ": " + error.message() + "; make room, then carry on with --resume");
}

Run::~Run() {
  std::error_code ignored;
  fs::remove_all(inputs_directory_, ignored);
}

RunOutcome Run::run_all() {
  const auto begin = std::chrono::steady_clock::now();
  const auto groups = groups_of(plan_);
  record_refusals();
  for (const auto& group : groups) {
    const auto ahead = work_ahead(group);
    progress_.add(ahead.count, ahead.seconds);
  }
  for (const auto& group : groups) run_group(group);
  if (plan_.weights && !options_.verify_only) draw_weights();

  auto outcome = ledger_.outcome();
  outcome.interrupted = stopped();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  // `verify` prints its records, and keeps them nowhere unless asked to.
  const auto where = options_.verify_only ? std::string() : fmt::format("; {} records in {}", store_.size(), options_.directory);
  progress_.end(fmt::format("{} after {}: {} cases ok, {} skipped, {} failed{}", outcome.interrupted ? "interrupted" : "done",
                            duration_text(elapsed.count()), outcome.ok, outcome.skipped, outcome.failed, where));
  if (outcome.interrupted && !options_.verify_only)
    progress_.end("carry on with: attnbench run --resume " + shell_quoted(options_.directory));
  return outcome;
}

// A combination that cannot run leaves a record with the reasons, like any other.
void Run::record_refusals() {
  for (const auto& point : plan_.cases) {
    if (point.status == CaseStatus::planned || !ledger_.verify_due(point)) continue;
    JobResult refusal;
    refusal.status = point.status == CaseStatus::unsupported ? Status::unsupported : Status::skipped;
    refusal.reasons = point.reasons;
    record(JobKind::verify, point, 0, refusal, utc_now());
  }
}

Work Run::work_ahead(const Case& point) const {
  Work work;
  const bool fresh = ledger_.verify_due(point);
  if (fresh) work.add(1, predicted(JobKind::verify, point));
  if (options_.verify_only) return work;
  const auto next = fresh ? 0 : ledger_.next_round(point);
  if (next) work.add(plan_.sampling.rounds - *next, predicted(JobKind::time, point));
  if (fresh || ledger_.memory_due(point)) work.add(1, predicted(JobKind::memory, point));
  return work;
}

Work Run::work_ahead(const Group& group) const {
  Work work;
  for (const auto* point : group) {
    const auto more = work_ahead(*point);
    work.count += more.count;
    work.seconds += more.seconds;
  }
  if (work.count > 0) work.add(1, predicted(JobKind::inputs, *group.front()));
  return work;
}

// First every variant is verified; then rounds, in each of which every verified variant is timed once; then memory.
void Run::run_group(const Group& group) {
  ahead_ = work_ahead(group);
  if (ahead_.count == 0 || stopped()) return;
  const bool verifying = std::any_of(group.begin(), group.end(), [&](const Case* one) { return ledger_.verify_due(*one); });
  const auto inputs = make_inputs(*group.front(), verifying, false);
  if (inputs.result.status != Status::ok) {
    blame_inputs(group, inputs);
  } else {
    for (const auto* point : group)
      if (ledger_.verify_due(*point)) perform(JobKind::verify, *point, inputs);
    for (int round = 0; round < plan_.sampling.rounds; ++round)
      for (const auto* point : round_order(group, plan_.seed, round))
        if (ledger_.next_round(*point) == round) perform(JobKind::time, *point, inputs, round);
    for (const auto* point : group) mention_cap(*point);
    for (const auto* point : group)
      if (ledger_.memory_due(*point)) perform(JobKind::memory, *point, inputs);
  }
  remove_inputs(inputs);
  if (!stopped()) progress_.drop(ahead_.count, ahead_.seconds);  // what a mismatch or an early stop has saved
}

// Fewer rounds than planned, because they would take too long, is something the reader of the records should not have to guess.
void Run::mention_cap(const Case& point) {
  const auto so_far = ledger_.rounds_of(point);
  const auto& sampling = plan_.sampling;
  if (so_far.failed || so_far.rounds >= sampling.rounds || so_far.seconds < sampling.cap_seconds) return;
  progress_.say(fmt::format("capped: {} {}: {} of {} rounds, the cap is {} per case", point.selected.label(),
                            to_string(point.problem), so_far.rounds, sampling.rounds, duration_text(sampling.cap_seconds)));
}

// Small problems at the end, for the heat maps: one per dataset, drawn by every variant that was found right on it.
void Run::draw_weights() {
  auto cases = weights_cases(plan_, [&](const Case& point) { return ledger_.verified(point); });
  std::erase_if(cases, [&](const Case& point) { return !ledger_.weights_due(point); });
  for (const auto& point : cases) progress_.add(1, predicted(JobKind::weights, point));
  while (!cases.empty() && !stopped()) {
    const auto dataset = cases.front().dataset;
    progress_.add(1, predicted(JobKind::inputs, cases.front()));
    const auto rest =
        std::stable_partition(cases.begin(), cases.end(), [&](const Case& point) { return point.dataset == dataset; });
    draw_dataset({cases.begin(), rest});
    cases.erase(cases.begin(), rest);
  }
}

void Run::draw_dataset(const std::vector<Case>& cases) {
  const auto inputs = make_inputs(cases.front(), false, true);
  for (const auto& point : cases) {
    if (stopped()) break;
    JobResult result = inputs.result;
    const auto started = utc_now();
    const auto file = "weights/" + file_name(point.dataset) + "/" + file_name(point.selected.label()) + ".npy";
    if (point.status == CaseStatus::unsupported) {
      result.status = Status::unsupported;
      result.reasons = point.reasons;
    } else if (result.status == Status::ok) {
      auto job = job_for(JobKind::weights, point, inputs);
      job.weights_file = options_.directory + "/" + file;
      fs::create_directories(fs::path(job.weights_file).parent_path());
      result = work(job, point);
      if (result.status == Status::ok) result.measured = {{"file", file}, {"labels", inputs.result.token_labels}};
    }
    record(JobKind::weights, point, 0, result, started);
    count_done(JobKind::weights, point);
  }
  remove_inputs(inputs);
}

GroupInputs Run::make_inputs(const Case& point, bool exact_rows, bool token_labels) {
  const auto stem = inputs_directory_ + "/" + fingerprint(point.dataset + "|" + to_string(point.problem));
  GroupInputs inputs{stem + ".bin", exact_rows ? stem + ".rows" : "", {}, utc_now()};
  auto job = job_for(JobKind::inputs, point, inputs);
  job.token_labels = token_labels;
  inputs.result = work(job, point);
  count_done(JobKind::inputs, point);
  return inputs;
}

// Without inputs there is nothing to run: the next piece of work of every case in the group is recorded with the reason.
void Run::blame_inputs(const Group& group, const GroupInputs& inputs) {
  if (inputs.result.status == Status::skipped) input_refusal_ = inputs.result.reasons.front();
  for (const auto* point : group) {
    if (ledger_.verify_due(*point)) record(JobKind::verify, *point, 0, inputs.result, inputs.started);
    else if (const auto round = ledger_.next_round(*point)) record(JobKind::time, *point, *round, inputs.result, inputs.started);
    else if (ledger_.memory_due(*point)) record(JobKind::memory, *point, 0, inputs.result, inputs.started);
  }
}

void Run::remove_inputs(const GroupInputs& inputs) const {
  std::error_code ignored;
  fs::remove(inputs.file, ignored);
  if (!inputs.exact_rows_file.empty()) fs::remove(inputs.exact_rows_file, ignored);
}

Job Run::job_for(JobKind kind, const Case& point, const GroupInputs& inputs) const {
  Job job;
  job.kind = kind;
  job.dataset = point.dataset;
  job.problem = point.problem;
  job.variant = kind == JobKind::inputs ? "" : point.selected.variant->name;
  job.params = param_texts(point.selected.params);
  if (const auto* plugin = plugin_of(*point.selected.variant); plugin && kind != JobKind::inputs) job.plugin = plugin->file;
  job.threads = point.threads;
  job.seed = plan_.seed;
  job.inputs_file = inputs.file;
  job.exact_rows_file = inputs.exact_rows_file;
  job.sampling = plan_.sampling;
  job.budget_seconds = std::max(0.0, plan_.sampling.cap_seconds - ledger_.rounds_of(point).seconds);
  if (plan_.memory_budget_bytes > 0) job.memory_limit = plan_.memory_budget_bytes + kWorkerBytes + point.threads * kThreadBytes;
  job.parent = ::getpid();
  return job;
}

JobResult Run::work(const Job& job, const Case& point, int round) {
  const auto who = job.kind == JobKind::inputs ? point.dataset : point.selected.label();
  const auto when = job.kind == JobKind::time ? fmt::format(", round {}", round + 1) : "";
  progress_.start(fmt::format("{} {}, {}, {} thread{}{}", name_of(job.kind), who, to_string(point.problem), point.threads,
                              point.threads == 1 ? "" : "s", when));
  auto result = run_job(job, options_.self, [&] {
    progress_.tick();
    return !stopped();
  });
  if (result.storage_failed) throw StorageError(result.reasons.front());
  // The result of a worker that Ctrl-C found at its end is kept; one that was cut short is none.
  if (result.interrupted) result.status = Status::crashed;
  return result;
}

void Run::perform(JobKind kind, const Case& point, const GroupInputs& inputs, int round) {
  if (stopped()) return;
  const auto started = utc_now();
  record(kind, point, round, work(job_for(kind, point, inputs), point, round), started);
  count_done(kind, point);
}

void Run::count_done(JobKind kind, const Case& point) {
  progress_.finish(predicted(kind, point));
  ahead_.add(-1, predicted(kind, point));
}

void Run::record(JobKind kind, const Case& point, int round, const JobResult& result, const std::string& started) {
  if (result.interrupted) return;
  auto stored = result;
  if (stored.isa.empty()) stored.isa = isa_;
  store_.append(make_record({point, kind, round, plan_.seed, session_}, stored, started));
  const bool refused = result.status == Status::skipped || result.status == Status::unsupported;
  if (result.status == Status::ok || refused) return;
  progress_.say(fmt::format("{}: {} {} {}: {}", name_of(result.status), name_of(kind), point.selected.label(),
                            to_string(point.problem), result.reasons.empty() ? "" : result.reasons.front()));
}

// A resumed run keeps the ceilings it began with.
void calibrate(Json& document, const RunOptions& options, Store& store) {
  if (!options.calibrate || !document.value("calibration", Json()).is_null()) return;
  const auto calibration = options.calibrate();
  if (!calibration) return;
  document["calibration"] = to_json(*calibration);
  store.write_run(document);
}

}  // namespace

RunOutcome run_plan(const Plan& plan, const RunOptions& options) {
  auto document = describe_run(plan, options);
  Store store(options.directory, options.resume ? Store::Mode::resume : Store::Mode::create);
  if (options.resume) document = continue_run(store.resumed_run(), document, options.directory, options.allow_mixed);
  store.write_run(document);
  calibrate(document, options, store);
  Run run(plan, options, store, current_session(document));
  const auto outcome = run.run_all();
  finish_session(document, outcome.interrupted ? "interrupted" : "complete");
  store.write_run(document);
  const bool nothing_ran = outcome.ok + outcome.failed == 0 && !outcome.interrupted;
  if (nothing_ran && !run.input_refusal().empty()) throw UserError(run.input_refusal());
  return outcome;
}

}  // namespace attnbench
