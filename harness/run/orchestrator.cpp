#include "harness/run/orchestrator.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "harness/measure/environment.h"
#include "harness/measure/timer.h"
#include "harness/planning/case.h"
#include "harness/planning/fitted_model.h"
#include "harness/planning/plan.h"
#include "harness/planning/pricing.h"
#include "harness/plugins/catalogue.h"
#include "harness/plugins/trust.h"
#include "harness/run/ceiling_check.h"
#include "harness/run/eta_estimator.h"
#include "harness/run/findings.h"
#include "harness/run/interrupt.h"
#include "harness/run/ledger.h"
#include "harness/run/probes.h"
#include "harness/run/progress.h"
#include "harness/run/record.h"
#include "harness/run/run_file.h"
#include "harness/run/schedule.h"
#include "harness/support/hash.h"
#include "harness/support/json.h"
#include "harness/support/median.h"
#include "harness/support/storage_error.h"
#include "harness/support/text.h"
#include "variants/api/error.h"
#include "variants/kernels/simd/isa.h"

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

// Part of the disk that kept inputs may fill.
constexpr double kDiskShare = 0.25;

// A label as a file name; of a long one (a dataset that names three arrays and a path) the beginning and its hash.
std::string file_name(std::string label) {
  constexpr std::size_t kLongest = 200;  // file systems take 255 bytes
  if (label.size() > kLongest) label = label.substr(0, kLongest) + "-" + fingerprint(label);
  for (char& c : label)
    if (!std::isalnum(static_cast<unsigned char>(c)) && !std::strchr("_-.,=()", c)) c = '_';
  return label;
}

class Run {
 public:
  Run(const Plan& plan, const RunOptions& options, Store& store, const Json& document);
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  RunOutcome run_all();
  /// Why a dataset could not make the inputs of a group; empty when all could.
  const std::string& input_refusal() const { return input_refusal_; }

 private:
  void learn_from_store();
  void probe_rates();
  void reprice_cases();
  void run_rounds();
  void decide_group(const Cases& group);
  void visit(std::size_t place, int round);
  bool due(const Case& bench_case, int round) const;
  bool must_verify(const Case& bench_case) const;
  void verify_group(const Cases& group, const GroupInputs& inputs);
  void finish_case(const Case& bench_case);
  void print_summary(const RunOutcome& outcome, double seconds);
  void draw_weights();
  void draw_dataset(const std::vector<Case>& cases);

  GroupInputs make_inputs(const Cases& group, bool exact_rows, bool token_labels);
  void record_input_failure(const Cases& group, const GroupInputs& inputs);
  double inputs_budget() const;
  void remove_inputs(const GroupInputs& inputs) const;
  Job job_for(JobKind kind, const Case& bench_case, const GroupInputs& inputs) const;
  JobResult work(const Job& job, const Case& bench_case, int round = 0);
  void perform(JobKind kind, const Case& bench_case, const GroupInputs& inputs, int round = 0);
  void verify_again(const Case& bench_case, const GroupInputs& inputs);
  void record(JobKind kind, const Case& bench_case, int round, const JobResult& result, const std::string& started);
  void record_refusal(const Case& bench_case);
  void judge_round(const Case& bench_case, JobResult& result);
  void learn(JobKind kind, const Case& bench_case, const JobResult& result);
  void count_done(JobKind kind, const Case& bench_case, const JobResult& result);

  bool stopped() const { return interrupt_.interrupted(); }

  Plan plan_;  // its predictions are brought up to date as the run learns
  const RunOptions& options_;
  Store& store_;
  int session_;  // of run.json
  std::uint64_t rows_seed_;
  std::optional<Calibration> calibration_;
  Ledger ledger_;
  FittedModel model_;
  Findings findings_;
  std::string inputs_directory_;
  std::vector<Cases> groups_;
  std::vector<bool> inputs_kept_;                   // by group: from the first round to the last
  std::map<std::size_t, GroupInputs> inputs_made_;  // by group: the files there are
  std::set<const Case*> verified_again_;            // found right by another binary, and looked at by this one
  std::string isa_ = kernels::current_isa();
  InterruptGuard interrupt_;
  Progress progress_{stderr};
  EtaEstimator eta_{plan_, ledger_, progress_};
  std::string input_refusal_;
};

Run::Run(const Plan& plan, const RunOptions& options, Store& store, const Json& document)
    : plan_(plan),
      options_(options),
      store_(store),
      session_(current_session(document)),
      rows_seed_(document.value("rows_seed", plan.seed)),
      ledger_(plan_, store, options.verify_only, sessions_of_other_binaries(document)),
      model_(load_cost_model(options.cost_model_file)),
      inputs_directory_(options.directory + "/inputs") {
  if (const auto calibration = document.value("calibration", Json()); !calibration.is_null())
    calibration_ = calibration_of(calibration);
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
  if (!options_.verify_only) {
    learn_from_store();
    probe_rates();
    reprice_cases();
  }
  for (const auto* bench_case : plan_.cases())
    if (bench_case->status != CaseStatus::planned && !is_priced(*bench_case)) record_refusal(*bench_case);
  run_rounds();
  if (plan_.weights && !options_.verify_only) draw_weights();
  if (!options_.verify_only) save_cost_model(model_, options_.cost_model_file);

  auto outcome = ledger_.outcome();
  outcome.interrupted = stopped();
  outcome.calibration_refuted = findings_.calibration_refuted();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - begin;
  print_summary(outcome, elapsed.count());
  return outcome;
}

void Run::print_summary(const RunOutcome& outcome, double seconds) {
  // `verify` prints its records, and keeps them nowhere unless asked to.
  const auto where = options_.verify_only ? std::string() : fmt::format("; {} records in {}", store_.size(), options_.directory);
  progress_.end(fmt::format("{} after {}: {} cases ok, {} skipped, {} failed{}", outcome.interrupted ? "interrupted" : "done",
                            duration_text(seconds), outcome.ok, outcome.skipped, outcome.failed, where));
  for (const auto& line : findings_.lines()) progress_.end(line);
  if (outcome.interrupted && !options_.verify_only)
    progress_.end("carry on with: attnbench run --resume " + shell_quoted(options_.directory) + plugin_options_of_this_run());
}

// A resumed run knows what it has measured. Cases that are not done keep a prediction made without their own times.
void Run::learn_from_store() {
  for (const auto* bench_case : plan_.cases()) {
    if (bench_case->status != CaseStatus::planned || ledger_.work_due(*bench_case)) continue;
    if (const auto so_far = ledger_.rounds_of(*bench_case); !so_far.medians.empty())
      model_.learn(*bench_case, median(so_far.medians));
  }
}

// Small cases that leave no record: they are not verified, and only say how fast this machine is.
void Run::probe_rates() {
  const auto probes = probe_plan(plan_, model_);
  for (const auto& group : groups_of(probes)) {
    if (stopped()) return;
    progress_.add(1 + static_cast<int>(group.size()));
    const auto inputs = make_inputs(group, false, false);
    for (const auto* bench_case : group) {
      if (stopped() || inputs.result.status != Status::ok) break;
      auto job = job_for(JobKind::time, *bench_case, inputs);
      job.sampling = probes.sampling;
      job.budget_seconds = probes.sampling.cap_seconds;
      job.judge_output = false;
      const auto result = work(job, *bench_case);
      if (result.status == Status::ok) model_.learn(*bench_case, std::get<TimedRound>(result.measured).median_s());
      progress_.finish();
    }
    remove_inputs(inputs);
  }
}

// Cases that have records keep to what was decided for them.
void Run::reprice_cases() {
  for (auto* bench_case : plan_.cases())
    if (ledger_.verify_due(*bench_case)) reprice(*bench_case, plan_, model_);
}

// A combination that cannot run leaves a record with the reasons, like any other.
void Run::record_refusal(const Case& bench_case) {
  if (!ledger_.verify_due(bench_case)) return;
  JobResult refusal;
  refusal.status = bench_case.status == CaseStatus::unsupported ? Status::unsupported : Status::skipped;
  refusal.reasons = bench_case.reasons;
  record(JobKind::verify, bench_case, 0, refusal, utc_now());
}

// Round by round through all groups, so that what the machine does in one minute is not the measurement of one size. In the first
// round each group is verified before it is timed; memory is measured once the rounds of a case are over.
void Run::run_rounds() {
  groups_ = groups_of(plan_);
  inputs_kept_ = keep_inputs(groups_, inputs_budget()).kept;
  eta_.announce(groups_, inputs_kept_);
  const int rounds = options_.verify_only ? 1 : plan_.sampling.rounds;
  for (int round = 0; round < rounds; ++round) {
    eta_.refresh();
    for (const auto place : group_order(groups_.size(), plan_.seed, round)) {
      if (stopped()) return;
      if (round == 0) decide_group(groups_[place]);
      visit(place, round);
    }
  }
}

// A case that the predictions refuse is judged for good when its turn comes, by what the run has learned until then.
void Run::decide_group(const Cases& group) {
  if (!options_.verify_only) reprice_cases();
  for (const auto* bench_case : group)
    if (bench_case->status != CaseStatus::planned) record_refusal(*bench_case);
  eta_.refresh();
}

// What is due in this round on the cases of one group.
void Run::visit(std::size_t place, int round) {
  const auto& group = groups_[place];
  if (std::none_of(group.begin(), group.end(), [&](const Case* bench_case) { return due(*bench_case, round); })) return;
  eta_.begin_group(place);
  if (!inputs_made_.contains(place)) {
    const bool verifying =
        std::any_of(group.begin(), group.end(), [&](const Case* bench_case) { return must_verify(*bench_case); });
    inputs_made_[place] = make_inputs(group, verifying, false);
  }
  const auto inputs = inputs_made_[place];
  if (inputs.result.status != Status::ok) {
    record_input_failure(group, inputs);
  } else {
    verify_group(group, inputs);
    Cases timed;
    for (const auto* bench_case : round_order(group, plan_.seed, round))
      if (ledger_.next_round(*bench_case) == round) {
        perform(JobKind::time, *bench_case, inputs, round);
        timed.push_back(bench_case);
      }
    for (const auto* bench_case : timed)
      if (!ledger_.next_round(*bench_case)) finish_case(*bench_case);
    for (const auto* bench_case : group)
      if (!ledger_.next_round(*bench_case) && ledger_.memory_due(*bench_case)) perform(JobKind::memory, *bench_case, inputs);
  }
  const bool more =
      std::any_of(group.begin(), group.end(), [&](const Case* bench_case) { return ledger_.next_round(*bench_case).has_value(); });
  if (!inputs_kept_[place] || !more) {
    remove_inputs(inputs);
    inputs_made_.erase(place);
  }
  if (!stopped()) eta_.end_group();
}

bool Run::due(const Case& bench_case, int round) const {
  if (bench_case.status != CaseStatus::planned) return false;
  if (ledger_.verify_due(bench_case)) return true;
  const auto next = ledger_.next_round(bench_case);
  return next ? *next == round : ledger_.memory_due(bench_case);
}

bool Run::must_verify(const Case& bench_case) const {
  if (bench_case.status != CaseStatus::planned) return false;
  return ledger_.verify_due(bench_case) || (ledger_.reverify_due(bench_case) && !verified_again_.contains(&bench_case));
}

void Run::verify_group(const Cases& group, const GroupInputs& inputs) {
  for (const auto* bench_case : group) {
    if (!must_verify(*bench_case)) continue;
    if (ledger_.verify_due(*bench_case)) perform(JobKind::verify, *bench_case, inputs);
    else verify_again(*bench_case, inputs);
  }
  std::error_code ignored;
  if (!inputs.exact_rows_file.empty()) fs::remove(inputs.exact_rows_file, ignored);
}

// The rounds of a case are over. That there were fewer than planned, because they would take too long, is something the reader of
// the records should not have to guess.
void Run::finish_case(const Case& bench_case) {
  const auto so_far = ledger_.rounds_of(bench_case);
  if (options_.verify_only || stopped() || so_far.failed || so_far.rounds == 0) return;
  findings_.add_time(bench_case, median(so_far.medians));
  eta_.rounds_over(so_far);
  if (stop_of(so_far, plan_.sampling) != Stop::cap) return;
  progress_.say(fmt::format("capped: {} {}: {} of {} rounds, the cap is {} per case", bench_case.config.label(),
                            to_string(bench_case.problem()), so_far.rounds, plan_.sampling.rounds,
                            duration_text(plan_.sampling.cap_seconds)));
}

// Small problems at the end, for the heat maps: one per dataset, drawn by every variant that was found right on it.
void Run::draw_weights() {
  std::map<std::string, std::vector<Case>> by_dataset;
  auto cases = weights_cases(plan_, [&](const Case& bench_case) { return ledger_.verified(bench_case); });
  std::erase_if(cases, [&](const Case& bench_case) { return !ledger_.weights_due(bench_case); });
  for (const auto& bench_case : cases) by_dataset[bench_case.dataset()].push_back(bench_case);
  eta_.announce_weights(cases, static_cast<int>(by_dataset.size()));
  for (const auto& [dataset, of_it] : by_dataset)
    if (!stopped()) draw_dataset(of_it);
}

void Run::draw_dataset(const std::vector<Case>& cases) {
  Cases group;
  for (const auto& bench_case : cases) group.push_back(&bench_case);
  const auto inputs = make_inputs(group, false, true);
  for (const auto& bench_case : cases) {
    if (stopped()) break;
    JobResult result = inputs.result;
    const auto started = utc_now();
    const auto file = "weights/" + file_name(bench_case.dataset()) + "/" + file_name(bench_case.config.label()) + ".npy";
    if (bench_case.status == CaseStatus::unsupported) {
      result.status = Status::unsupported;
      result.reasons = bench_case.reasons;
    } else if (result.status == Status::ok) {
      auto job = job_for(JobKind::weights, bench_case, inputs);
      job.weights_file = options_.directory + "/" + file;
      fs::create_directories(fs::path(job.weights_file).parent_path());
      result = work(job, bench_case);
      if (result.status == Status::ok) result.measured = AttentionMap{file, inputs.result.token_labels};
    }
    record(JobKind::weights, bench_case, 0, result, started);
    count_done(JobKind::weights, bench_case, result);
  }
  remove_inputs(inputs);
}

GroupInputs Run::make_inputs(const Cases& group, bool exact_rows, bool token_labels) {
  const auto& bench_case = *group.front();
  const auto extras = extras_of(group);
  auto contents = bench_case.workload->key();
  for (const auto& spec : extras) contents += "|" + to_string(spec);
  const auto stem = fmt::format("{}/{}", inputs_directory_, fingerprint(contents));
  GroupInputs inputs{stem + ".bin", exact_rows ? stem + ".rows" : "", {}, utc_now()};
  auto job = job_for(JobKind::inputs, bench_case, inputs);
  job.token_labels = token_labels;
  job.extras = extras;
  inputs.result = work(job, bench_case);
  count_done(JobKind::inputs, bench_case, inputs.result);
  return inputs;
}

// Without inputs there is nothing to run: the next piece of work of every case in the group is recorded with the reason.
void Run::record_input_failure(const Cases& group, const GroupInputs& inputs) {
  if (inputs.result.status == Status::skipped) input_refusal_ = inputs.result.reasons.front();
  for (const auto* bench_case : group) {
    if (bench_case->status != CaseStatus::planned) continue;
    if (ledger_.verify_due(*bench_case)) record(JobKind::verify, *bench_case, 0, inputs.result, inputs.started);
    else if (const auto round = ledger_.next_round(*bench_case))
      record(JobKind::time, *bench_case, *round, inputs.result, inputs.started);
    else if (ledger_.memory_due(*bench_case)) record(JobKind::memory, *bench_case, 0, inputs.result, inputs.started);
  }
}

double Run::inputs_budget() const {
  std::error_code error;
  const auto disk = fs::space(inputs_directory_, error);
  return error ? options_.inputs_bytes : std::min(options_.inputs_bytes, kDiskShare * static_cast<double>(disk.available));
}

void Run::remove_inputs(const GroupInputs& inputs) const {
  std::error_code ignored;
  fs::remove(inputs.file, ignored);
  if (!inputs.exact_rows_file.empty()) fs::remove(inputs.exact_rows_file, ignored);
}

Job Run::job_for(JobKind kind, const Case& bench_case, const GroupInputs& inputs) const {
  Job job;
  job.kind = kind;
  job.dataset = bench_case.dataset();
  job.problem = bench_case.problem();
  job.variant = kind == JobKind::inputs ? "" : bench_case.config.variant->name;
  job.params = param_texts(bench_case.config.params);
  if (const auto* plugin = plugin_of(*bench_case.config.variant); plugin && kind != JobKind::inputs) job.plugin = plugin->file;
  job.threads = bench_case.threads();
  job.seed = plan_.seed;
  job.rows_seed = rows_seed_;
  if (kind == JobKind::time) job.verified_output = ledger_.verified_output(bench_case);
  job.inputs_file = inputs.file;
  job.exact_rows_file = inputs.exact_rows_file;
  job.sampling = plan_.sampling;
  job.budget_seconds = std::max(0.0, plan_.sampling.cap_seconds - ledger_.rounds_of(bench_case).seconds);
  if (plan_.memory_budget_bytes > 0)
    job.memory_limit = plan_.memory_budget_bytes + kWorkerBytes + bench_case.threads() * kThreadBytes;
  return job;
}

JobResult Run::work(const Job& job, const Case& bench_case, int round) {
  const auto who = job.kind == JobKind::inputs ? bench_case.dataset() : bench_case.config.label();
  const auto when = job.kind == JobKind::time ? fmt::format(", round {}", round + 1) : "";
  progress_.start(fmt::format("{} {}, {}, {} thread{}{}", name_of(job.kind), who, to_string(bench_case.problem()),
                              bench_case.threads(), bench_case.threads() == 1 ? "" : "s", when));
  auto result = run_job(job, options_.self, [&] {
    progress_.tick();
    return !stopped();
  });
  if (result.run_failed) throw StorageError(result.reasons.front());
  // The result of a worker that Ctrl-C found at its end is kept; one that was cut short is none.
  if (result.interrupted) result.status = Status::crashed;
  return result;
}

// What another binary found right, this one must prove before it is timed. The verdict stored stays; a failure is recorded as that
// of the work that was due.
void Run::verify_again(const Case& bench_case, const GroupInputs& inputs) {
  if (stopped()) return;
  const auto started = utc_now();
  auto result = work(job_for(JobKind::verify, bench_case, inputs), bench_case);
  verified_again_.insert(&bench_case);
  if (result.status == Status::ok) return;
  result.measured = {};
  result.reasons.insert(result.reasons.begin(), "another binary found this case right, this one does not");
  const auto round = ledger_.next_round(bench_case);
  record(round ? JobKind::time : JobKind::memory, bench_case, round.value_or(0), result, started);
}

void Run::perform(JobKind kind, const Case& bench_case, const GroupInputs& inputs, int round) {
  if (stopped()) return;
  const auto started = utc_now();
  auto result = work(job_for(kind, bench_case, inputs), bench_case, round);
  if (kind == JobKind::time) judge_round(bench_case, result);
  record(kind, bench_case, round, result, started);
  learn(kind, bench_case, result);
  count_done(kind, bench_case, result);
}

// What a round says only beside the machine's ceilings and the rounds before it.
void Run::judge_round(const Case& bench_case, JobResult& result) {
  if (result.status != Status::ok) return;
  auto& round = std::get<TimedRound>(result.measured);
  add_ceilings(round, bench_case, result.isa, calibration_);
  const double calibrated_peak = calibration_ ? fma_peak(*calibration_, result.isa, "f32", bench_case.threads()) : 0;
  if (const auto why = impossible_time(round, calibrated_peak); !why.empty()) {
    result.status = Status::above_ceiling;
    result.reasons = {why};
    result.measured = {};
    return;
  }
  auto so_far = ledger_.rounds_of(bench_case);
  ++so_far.rounds;
  so_far.seconds += result.wall_seconds;
  so_far.medians.push_back(round.median_s());
  progress_.set_last(estimate_text(bench_case.config.label(), to_string(bench_case.problem()), so_far.medians));
  const auto stop = stop_of(so_far, plan_.sampling);
  if (stop) round.stop = name_of(*stop);
  findings_.add_round(bench_case, round, calibrated_peak);
}

void Run::learn(JobKind kind, const Case& bench_case, const JobResult& result) {
  if (result.status != Status::ok) return;
  if (kind == JobKind::time) model_.learn(bench_case, std::get<TimedRound>(result.measured).median_s());
  if (kind != JobKind::memory) return;
  const auto& use = std::get<MemoryUse>(result.measured);
  const auto peak = static_cast<double>(use.rss_peak + use.children_peak);
  model_.learn_memory(bench_case, peak);
  if (plan_.sampling.cache == CacheMode::hot) findings_.add_memory(bench_case, peak);  // the pass has one set of inputs
}

void Run::count_done(JobKind kind, const Case& bench_case, const JobResult& result) {
  eta_.done(kind, bench_case, result.status == Status::ok ? std::optional(result.wall_seconds) : std::nullopt);
}

void Run::record(JobKind kind, const Case& bench_case, int round, const JobResult& result, const std::string& started) {
  if (result.interrupted) return;
  auto stored = result;
  if (stored.isa.empty()) stored.isa = isa_;
  store_.append(make_record({bench_case, kind, round, plan_.seed, rows_seed_, session_, plan_.sampling.cache}, stored, started));
  const bool refused = result.status == Status::skipped || result.status == Status::unsupported;
  if (result.status == Status::ok || refused) return;
  progress_.say(fmt::format("{}: {} {} {}: {}", name_of(result.status), name_of(kind), bench_case.config.label(),
                            to_string(bench_case.problem()), result.reasons.empty() ? "" : result.reasons.front()));
}

// A resumed run keeps the ceilings it began with. False when it was interrupted.
bool calibrate(Json& document, const RunOptions& options) {
  if (!options.calibrate || !document.value("calibration", Json()).is_null()) return true;
  const InterruptGuard guard;
  if (const auto calibration = options.calibrate([&] { return !guard.interrupted(); }))
    document["calibration"] = to_json(*calibration);
  return !guard.interrupted();
}

}  // namespace

RunOutcome run_plan(const Plan& plan, const RunOptions& options) {
  auto document = describe_run(plan, options);
  Store store(options.directory, options.resume ? Store::Mode::resume : Store::Mode::create);
  if (options.resume) document = continue_run(store.resumed_run(), document, options.directory, options.allow_mixed);
  store.write_run(document);
  if (!calibrate(document, options)) {
    finish_session(document, "interrupted");
    store.write_run(document);
    return {.interrupted = true};
  }
  store.write_run(document);
  Run run(plan, options, store, document);
  const auto outcome = run.run_all();
  finish_session(document, outcome.interrupted ? "interrupted" : "complete");
  store.write_run(document);
  const bool nothing_ran = outcome.ok + outcome.failed == 0 && !outcome.interrupted;
  if (nothing_ran && !run.input_refusal().empty()) throw UserError(run.input_refusal());
  return outcome;
}

}  // namespace attnbench
