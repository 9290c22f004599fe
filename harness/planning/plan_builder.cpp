#include "harness/planning/plan_builder.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "datasets/dataset.h"
#include "datasets/part.h"
#include "harness/planning/axes.h"
#include "harness/planning/case.h"
#include "harness/planning/fields.h"
#include "harness/planning/plan.h"
#include "harness/planning/pricing.h"
#include "harness/planning/selection.h"
#include "harness/planning/sweep_datasets.h"
#include "harness/plugins/catalogue.h"
#include "harness/plugins/trust.h"
#include "harness/support/available_memory.h"
#include "harness/support/text.h"
#include "variants/api/error.h"

namespace attnbench {
namespace {

constexpr std::size_t kMaxCases = 100000;
constexpr int kMaxThreads = 1024;
constexpr double kMemoryShare = 0.8;  // of what is available, unless the plan says

using Settings = std::vector<std::pair<std::string, std::string>>;  // axis name and value

// One point of a sweep before variants are chosen.
struct Point {
  Workload workload;
  Settings params;
};

int parse_threads(const std::string& value) {
  const auto count = parse_count(value);
  if (!count || *count < 1 || *count > kMaxThreads)
    throw UserError("threads=" + value + ": expected a count from 1 to " + std::to_string(kMaxThreads));
  return static_cast<int>(*count);
}

bool some_variant_has(const std::vector<VariantConfig>& selection, std::string_view name) {
  return std::any_of(selection.begin(), selection.end(), [&](const auto& s) { return has_param(*s.variant, name); });
}

// `window` names two things: LEFT:RIGHT is the problem's own sliding window, a plain count the parameter of variants that have one.
bool means_param(const std::string& name, const std::string& value, const std::vector<VariantConfig>& selection) {
  if (find_problem_field(name) == nullptr) return true;
  return name == "window" && parse_count(value).has_value() && some_variant_has(selection, name);
}

void require_axis_name(const std::string& name, const std::vector<VariantConfig>& selection) {
  if (find_problem_field(name) || name == "threads" || name == "dataset" || some_variant_has(selection, name)) return;
  std::vector<std::string> known{"threads", "dataset"};
  for (const auto& field : problem_fields()) known.emplace_back(field.name);
  for (const auto& config : selection)
    for (const auto& spec : config.variant->params)
      if (std::find(known.begin(), known.end(), spec.name) == known.end()) known.emplace_back(spec.name);
  throw UserError("unknown axis '" + name + "': no field of a problem and no parameter of a selected variant" +
                  suggestion(name, known));
}

Point apply(Point point, const Settings& settings, const std::vector<VariantConfig>& selection) {
  for (const bool coarse : {true, false})
    for (const auto& [name, value] : settings) {
      const auto* field = find_problem_field(name);
      if (field && field->coarse == coarse && !means_param(name, value, selection)) field->set(point.workload.problem, value);
    }
  for (const auto& [name, value] : settings) {
    if (name == "threads") point.workload.threads = parse_threads(value);
    else if (name == "dataset") point.workload.dataset = value;
    else if (means_param(name, value, selection)) point.params.emplace_back(name, value);
  }
  validate(point.workload.problem);
  return point;
}

// Every combination of one value per axis, the first axis changing slowest.
std::vector<Settings> combinations(const std::vector<Axis>& axes) {
  std::vector<Settings> product{{}};
  for (const auto& axis : axes) {
    if (product.size() * axis.points.size() > kMaxCases)
      throw UserError("the axes make more than " + std::to_string(kMaxCases) + " combinations; shorten one, such as " +
                      axis.name());
    std::vector<Settings> longer;
    for (const auto& settings : product)
      for (const auto& values : axis.points) {
        longer.push_back(settings);
        for (std::size_t i = 0; i < values.size(); ++i) longer.back().emplace_back(axis.names[i], values[i]);
      }
    product = std::move(longer);
  }
  return product;
}

// Case order of a plan: groups in order of first appearance, no case twice.
class CaseList {
 public:
  void add(Case bench_case) {
    if (!keys_.insert(bench_case.key()).second) return;
    if (keys_.size() > kMaxCases)
      throw UserError("the plan has more than " + std::to_string(kMaxCases) + " cases; shorten an axis");
    const auto [found, is_new] = index_.emplace(bench_case.workload->key(), groups_.size());
    if (is_new) groups_.emplace_back();
    groups_[found->second].cases.push_back(std::move(bench_case));
  }

  std::vector<Group> take() { return std::move(groups_); }

 private:
  std::unordered_set<std::string> keys_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<Group> groups_;
};

VariantConfig with_params(VariantConfig config, const Settings& params) {
  for (const auto& [name, value] : params)
    if (has_param(*config.variant, name)) set_param(config, name, value);
  return config;
}

// How the problems of a sweep use the arrays of a file: parts are said, what contradicts the file is refused. Problems longer than
// the file are left out, unless all are.
class FileUse {
 public:
  FileUse(std::string dataset, const Dataset& file) : use_{std::move(dataset), *file.holds(), file.hints()} {}

  /// Why the file is too short for this problem; "" when it is not. Throws UserError when the problem is another than the file's.
  std::string too_short_for(const Problem& problem) {
    const auto misfit = misfit_of(use_.holds, problem, use_.dataset);
    if (misfit && !misfit->only_tokens) throw UserError(misfit->reason);
    if (misfit) {
      note(misfit->reason);
      return misfit->reason;
    }
    some_fit_ = true;
    if (const auto cut = cut_text(use_.holds, problem); !cut.empty()) note(use_.dataset + ": " + cut + " are used, as asked for");
    return "";
  }

  FileDataset take() {
    if (!some_fit_ && !use_.notes.empty()) throw UserError(use_.notes.back());
    return std::move(use_);
  }

 private:
  void note(const std::string& line) {
    if (std::find(use_.notes.begin(), use_.notes.end(), line) == use_.notes.end()) use_.notes.push_back(line);
  }

  FileDataset use_;
  bool some_fit_ = false;
};

void expand(const SweepOfDataset& piece, const std::vector<VariantConfig>& selection, FileUse* file, CaseList& cases) {
  for (const auto& dataset : piece.sweep.datasets)
    for (const auto& problem : piece.sweep.problems)
      for (const auto& settings : combinations(piece.axes)) {
        const auto point = apply({{dataset, parse_problem(problem), 1}, {}}, settings, selection);
        const auto too_short = file ? file->too_short_for(point.workload.problem) : "";
        const auto workload = std::make_shared<const Workload>(point.workload);
        for (const auto& config : selection) {
          Case bench_case{.workload = workload, .config = with_params(config, point.params)};
          if (!too_short.empty()) {
            bench_case.status = CaseStatus::skipped;
            bench_case.reasons = {too_short};
          }
          cases.add(std::move(bench_case));
        }
      }
}

Sampling resolve_sampling(const PlanSpec& spec) {
  auto sampling = sampling_for(spec.profile);
  sampling.rounds = spec.rounds.value_or(sampling.rounds);
  sampling.samples = spec.samples.value_or(sampling.samples);
  sampling.min_sample_seconds = spec.min_sample_seconds.value_or(sampling.min_sample_seconds);
  sampling.warmup_seconds = spec.warmup_seconds.value_or(sampling.warmup_seconds);
  sampling.cap_seconds = spec.cap_seconds.value_or(sampling.cap_seconds);
  sampling.timeout_seconds = spec.timeout_seconds.value_or(sampling.timeout_seconds);
  sampling.cache = spec.cache;
  return sampling;
}

// Every default written out, so that the resolved plan means the same on another day and machine.
void make_explicit(PlanSpec& spec) {
  const auto sampling = resolve_sampling(spec);
  spec.rounds = sampling.rounds;
  spec.samples = sampling.samples;
  spec.min_sample_seconds = sampling.min_sample_seconds;
  spec.warmup_seconds = sampling.warmup_seconds;
  spec.cap_seconds = sampling.cap_seconds;
  spec.timeout_seconds = sampling.timeout_seconds;
  if (!spec.memory_budget) spec.memory_budget = std::floor(kMemoryShare * available_memory_bytes());
}

// Checks the datasets of a sweep and writes their specs canonically.
void canonical_datasets(std::vector<std::string>& datasets, std::vector<Axis>& axes) {
  const auto canonical = [](std::string& spec) { spec = open_dataset(spec)->spec(); };
  for (auto& spec : datasets) canonical(spec);
  for (auto& axis : axes)
    for (std::size_t i = 0; i < axis.names.size(); ++i)
      if (axis.names[i] == "dataset")
        for (auto& point : axis.points) canonical(point[i]);
}

// The sizes that a problem leaves out are those of the file.
void complete_problems(SweepOfDataset& piece) {
  auto& problems = piece.sweep.problems;
  if (problems.empty()) problems = {piece.file ? "" : "b1 h8 n1024 d64 f32"};
  if (!piece.file) return;
  for (auto& text : problems) text = to_string(parse_problem(completed(text, *piece.file->holds())));
}

// Adds the cases of a sweep, and gives it back with everything written out.
Sweep resolve_piece(SweepOfDataset piece, const std::vector<VariantConfig>& selection, CaseList& cases,
                    std::vector<FileDataset>& files) {
  auto& [sweep, axes, file] = piece;
  for (const auto& axis : axes)
    for (const auto& name : axis.names) require_axis_name(name, selection);
  const bool sets_threads = std::any_of(axes.begin(), axes.end(), [](const Axis& axis) { return axis.sets("threads"); });
  if (!sets_threads) axes.push_back({{"threads"}, {{std::to_string(usable_threads())}}});
  canonical_datasets(sweep.datasets, axes);
  complete_problems(piece);
  std::optional<FileUse> use;
  if (file) use.emplace(sweep.datasets[0], *file);
  expand(piece, selection, use ? &*use : nullptr, cases);
  if (use) files.push_back(use->take());

  sweep.variants.clear();
  for (const auto& config : selection) sweep.variants.push_back(config.label());
  sweep.axes.clear();
  for (const auto& axis : axes) sweep.axes.push_back(to_string(axis));
  return sweep;
}

std::vector<Sweep> resolve_sweep(Sweep sweep, CaseList& cases, std::vector<FileDataset>& files) {
  if (sweep.variants.empty()) sweep.variants = {"*"};
  if (sweep.datasets.empty()) sweep.datasets = {"text"};
  const auto selection = parse_selection(sweep.variants, known_variants());
  std::vector<Axis> axes;
  for (const auto& text : sweep.axes) axes.push_back(parse_axis(text));
  axes = override_axes({}, axes);
  std::vector<Sweep> resolved;
  for (auto& piece : split_by_dataset(sweep, axes)) resolved.push_back(resolve_piece(std::move(piece), selection, cases, files));
  return resolved;
}

}  // namespace

int usable_threads() {
  cpu_set_t set;
  const int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  return count > 0 ? count : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::string too_many_threads(int threads) {
  constexpr int kPerCore = 4;  // 1024 threads on two cores took 40 s for a case of milliseconds
  const int cores = usable_threads();
  if (threads <= kPerCore * cores) return {};
  return std::to_string(threads) + " threads on " + std::to_string(cores) + (cores == 1 ? " core" : " cores") + ": at most " +
         std::to_string(kPerCore) + " for each core are measured; choose fewer with --threads";
}

Plan build_plan(const PlanSpec& given, const FittedModel& model) {
  PlanSpec spec = given;
  for (const auto& plugin : spec.plugins) load_named_plugin(plugin, spec.origin, spec.trust_plugins);
  make_explicit(spec);
  CaseList cases;
  Plan plan;
  spec.sweeps.clear();
  for (const auto& sweep : given.sweeps)
    for (auto& resolved : resolve_sweep(sweep, cases, plan.files)) spec.sweeps.push_back(std::move(resolved));
  plan.name = spec.name;
  plan.seed = spec.seed;
  plan.rows_seed = spec.rows_seed;
  plan.sampling = resolve_sampling(spec);
  plan.memory_budget_bytes = *spec.memory_budget;
  plan.max_call_seconds = spec.max_call_seconds;
  plan.weights = spec.weights;
  plan.groups = cases.take();
  for (auto* bench_case : plan.cases())
    if (bench_case->status == CaseStatus::planned) price(*bench_case, plan, model);
  plan.resolved_toml = to_toml(spec);
  return plan;
}

}  // namespace attnbench
