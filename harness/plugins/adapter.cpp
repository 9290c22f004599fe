#include "harness/plugins/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <new>
#include <stdexcept>
#include <utility>

#include "harness/plugins/abi.h"
#include "harness/plugins/crash_guard.h"
#include "harness/plugins/plain_text.h"
#include "variants/api/error.h"
#include "variants/api/input_check.h"

namespace attnbench::plugins {
namespace {

// ---- Slots ---------------------------------------------------------------------------------------------------------------

// A descriptor's functions take no context, so each adapter gets functions of its own: instantiations over its slot number.
constexpr std::size_t kSlots = 128;
std::array<const Adapter*, kSlots> slots{};
std::size_t slots_taken = 0;

template <std::size_t Slot>
struct Thunks {
  static void unsupported(const Problem& p, const Params& q, Reasons& r) { slots[Slot]->unsupported(p, q, r); }
  static std::vector<InputSpec> extras(const Problem& p, const Params& q) { return slots[Slot]->extras(p, q); }
  static Cost cost(const Problem& p, const Params& q) { return slots[Slot]->cost(p, q); }
  static std::size_t workspace(const Problem& p, const Params& q, int t) { return slots[Slot]->workspace(p, q, t); }
  static Prepared prepare(const PrepareTask& task) { return slots[Slot]->prepare(task); }
  static void run(const RunTask& task) { slots[Slot]->run(task); }
  static double time_calls(const RunTask& task, std::int64_t count) { return slots[Slot]->time_calls(task, count); }
  static Facts implementation(const RunTask& task) { return slots[Slot]->implementation(task); }
  static void oracle(const OracleTask& task) { slots[Slot]->oracle(task); }
  static bool attends(const MaskTask& task, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) {
    return slots[Slot]->attends(task, b, h, i, j);
  }
};

// Points the functions that the plugin has at the thunks of one slot.
template <std::size_t Slot>
void connect(Variant& variant, const attnbench_variant& given) {
  using T = Thunks<Slot>;
  variant.cost = &T::cost;
  variant.prepare = &T::prepare;  // always: run() finds there what it passes on
  variant.run = &T::run;
  if (given.unsupported) variant.unsupported = &T::unsupported;
  if (given.extras) variant.extras = &T::extras;
  if (given.workspace) variant.workspace = &T::workspace;
  if (given.time_calls) variant.time_calls = &T::time_calls;
  if (given.implementation) variant.implementation = &T::implementation;
  if (given.oracle) variant.oracle = &T::oracle;
  if (given.attends) variant.attends = &T::attends;
}

using Connect = void (*)(Variant&, const attnbench_variant&);

template <std::size_t... Slot>
constexpr std::array<Connect, kSlots> connectors(std::index_sequence<Slot...>) {
  return {&connect<Slot>...};
}

// ---- One call ------------------------------------------------------------------------------------------------------------

// What the host's services need to know of the call in hand; a task's host_data.
struct CallContext {
  explicit CallContext(std::atomic<std::uint32_t>& float_changes, Workspace* arena = nullptr, const Parallel* threads = nullptr)
      : floats(float_changes), seen(float_changes), workspace(arena), parallel(threads) {}

  FloatGuard floats;  // holds the environment of the host while the plugin runs
  std::atomic<std::uint32_t>& seen;
  Workspace* workspace;
  const Parallel* parallel;
  std::string reason;  // why it failed
};

CallContext& context_of(const attnbench_task* task) { return *static_cast<CallContext*>(task->host_data); }

// No exception may pass through the plugin's frames on its way up.
void* take_workspace(const attnbench_task* task, std::uint64_t bytes) {
  auto* workspace = context_of(task).workspace;
  if (workspace == nullptr || bytes > static_cast<std::uint64_t>(INT64_MAX)) return nullptr;
  try {
    return workspace->allocate<std::byte>(static_cast<std::int64_t>(bytes)).data();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void parallel_for(const attnbench_task* task, std::int64_t count, std::int64_t grain, attnbench_loop_body body, void* state) {
  static const Parallel serial;
  const auto& context = context_of(task);
  const auto caller = FloatEnvironment::now();
  context.floats.before().apply();  // threads that are started here inherit it
  (context.parallel ? *context.parallel : serial).for_ranges(count, grain, [&](std::int64_t begin, std::int64_t end, int slot) {
    const FloatGuard floats(context.seen);
    body(state, begin, end, slot);
  });
  caller.apply();
}

void note_failure(const attnbench_task* task, const char* reason) { context_of(task).reason = plain_text(reason ? reason : ""); }

attnbench_task task_of(const attnbench_problem* problem, const attnbench_params* params, void* state, std::uint64_t seed,
                       int threads, CallContext& context) {
  attnbench_task task{};
  task.head = head_of<attnbench_task>();
  task.problem = problem;
  task.params = params;
  task.state = state;
  task.seed = seed;
  task.threads = threads;
  task.allocate = &take_workspace;
  task.parallel_for = &parallel_for;
  task.fail = &note_failure;
  task.host_data = &context;
  return task;
}

// What prepare() leaves: the problem and parameters translated once, so that run() allocates nothing, and the plugin's state.
struct PreparedCall {
  PreparedCall(const PrepareTask& task, const attnbench_variant& owner, std::vector<InputSpec> declared,
               std::atomic<std::uint32_t>& changes)
      : problem(task.problem),
        params(task.params),
        extras(std::move(declared)),
        seed(task.seed),
        variant(owner),
        float_changes(changes) {}
  ~PreparedCall() {
    const FloatGuard floats(float_changes);
    if (state && variant.destroy) variant.destroy(variant.user, state);
  }
  PreparedCall(const PreparedCall&) = delete;
  PreparedCall& operator=(const PreparedCall&) = delete;

  attnbench_task task(int threads, CallContext& context) const {
    return task_of(problem.get(), params.get(), state, seed, threads, context);
  }

  AbiProblem problem;
  AbiParams params;
  std::vector<InputSpec> extras;
  std::uint64_t seed;
  const attnbench_variant& variant;
  std::atomic<std::uint32_t>& float_changes;
  void* state = nullptr;
};

// The tensors of a call beside its task, which points to them.
class AbiCall {
 public:
  AbiCall(const Prepared& prepared, const Inputs& inputs, const TensorRef* output, int threads, CallContext& context)
      : q_(abi_tensor(inputs.q)), k_(abi_tensor(inputs.k)), v_(abi_tensor(inputs.v)), mask_(abi_tensor(inputs.mask)) {
    const auto& call = prepared.as<PreparedCall>();
    task_ = call.task(threads, context);
    task_.q = &q_;
    task_.k = &k_;
    task_.v = &v_;
    if (inputs.mask.data) task_.mask = &mask_;
    if (output) output_ = abi_tensor(*output), task_.output = &output_;
    for (const auto& spec : call.extras) add(spec.name, inputs);
  }
  AbiCall(const AbiCall&) = delete;
  AbiCall& operator=(const AbiCall&) = delete;
  const attnbench_task* get() const { return &task_; }

 private:
  // An input under the name that the variant declared, and no others.
  void add(const std::string& name, const Inputs& inputs) {
    const auto i = task_.extra_count;
    const auto given =
        std::find_if(inputs.extras.begin(), inputs.extras.end(), [&](const auto& extra) { return name == extra.name; });
    if (given == inputs.extras.end()) throw std::runtime_error("the call is not given the input '" + name + "'");
    tensors_[i] = abi_tensor(given->tensor);
    named_[i] = {head_of<attnbench_named_tensor>(), name.c_str(), &tensors_[i]};
    extras_[i] = &named_[i];
    task_.extras = extras_.data();
    ++task_.extra_count;
  }

  attnbench_tensor q_, k_, v_, mask_, output_{};
  std::array<attnbench_tensor, ATTNBENCH_MOST_EXTRAS> tensors_;
  std::array<attnbench_named_tensor, ATTNBENCH_MOST_EXTRAS> named_;
  std::array<const attnbench_named_tensor*, ATTNBENCH_MOST_EXTRAS> extras_;
  attnbench_task task_{};
};

std::string or_word(const char* text, const char* word) { return text && *text ? plain_text(text) : word; }

bool is_count(double value) { return std::isfinite(value) && value >= 0; }

}  // namespace

// ---- Adapter -------------------------------------------------------------------------------------------------------------

Adapter::Adapter(const attnbench_variant& given, const Host& host) : given_(given), host_(host) {
  static constexpr auto kConnectors = connectors(std::make_index_sequence<kSlots>());
  if (slots_taken == kSlots)
    throw UserError("more than " + std::to_string(kSlots) + " variants in plugins; load fewer with --plugin");
  for (std::uint64_t i = 0; i < given.param_count; ++i) params_.push_back(param_spec(read_struct(*given.params[i])));
  variant_.name = given.name;
  variant_.family = given.family;
  variant_.summary = given.summary;
  variant_.paper = given.paper;
  variant_.equation = given.equation;
  variant_.computes = computes_of(given.computes);
  variant_.time_label = given.time_label;
  variant_.memory_label = given.memory_label;
  variant_.supports = given.supports & kAllFeatures;  // of a later version's features we have no problems
  variant_.laws = given.laws;
  variant_.needs = given.needs & kAllFeatures;
  variant_.rates = {given.multiply_adds_per_second, given.exps_per_second};
  variant_.equivalent_to = given.equivalent_to;
  variant_.params = params_;
  variant_.unavailable = given.unavailable;
  kConnectors[slots_taken](variant_, given_);
  slots[slots_taken++] = this;
}

void Adapter::require_ok(std::int32_t status, const char* function, const std::string& reason) const {
  if (status == ATTNBENCH_OK) return;
  if (status == ATTNBENCH_OUT_OF_MEMORY) throw std::bad_alloc();
  const auto why = reason.empty() ? std::string("it gave no reason") : reason;
  if (status == ATTNBENCH_UNAVAILABLE) throw UserError(std::string(variant_.name) + " is not available here: " + why);
  throw std::runtime_error(std::string(function) + " of " + variant_.name + " (" + host_.plugin_name() + ") failed: " + why);
}

void Adapter::unsupported(const Problem& problem, const Params& params, Reasons& reasons) const {
  const AbiProblem abi_problem(problem);
  const AbiParams abi_params(params);
  attnbench_lines lines{head_of<attnbench_lines>(), nullptr, &reasons};
  lines.add = [](const attnbench_lines* list, const char*, const char* text) {
    static_cast<Reasons*>(list->host_data)->emplace_back(or_word(text, "for a reason the plugin does not give"));
  };
  const CrashGuard crash(host_.plugin_name(), "in unsupported()");
  const FloatGuard floats(float_changes_);
  given_.unsupported(given_.user, abi_problem.get(), abi_params.get(), &lines);
}

std::vector<InputSpec> Adapter::extras(const Problem& problem, const Params& params) const {
  const AbiProblem abi_problem(problem);
  const AbiParams abi_params(params);
  std::vector<InputSpec> specs;
  attnbench_input_list list{head_of<attnbench_input_list>(), nullptr, &specs};
  list.add = [](const attnbench_input_list* inputs, const attnbench_input_spec* spec) {
    static_cast<std::vector<InputSpec>*>(inputs->host_data)->push_back(input_spec(read_struct(*spec)));
  };
  {
    const CrashGuard crash(host_.plugin_name(), "in extras()");
    const FloatGuard floats(float_changes_);
    given_.extras(given_.user, abi_problem.get(), abi_params.get(), &list);
  }
  auto fault = fault_of(specs);
  if (specs.size() > ATTNBENCH_MOST_EXTRAS)
    fault =
        std::to_string(specs.size()) + " extra inputs are more than the " + std::to_string(ATTNBENCH_MOST_EXTRAS) + " there can be";
  if (!fault.empty()) throw UserError("plugin " + host_.plugin_name() + ": variant " + variant_.name + ": " + plain_text(fault));
  return specs;
}

attnbench_cost Adapter::declared_cost(const Problem& problem, const Params& params) const {
  const AbiProblem abi_problem(problem);
  const AbiParams abi_params(params);
  attnbench_cost cost{};
  cost.head = head_of<attnbench_cost>();
  const CrashGuard crash(host_.plugin_name(), "in cost()");
  const FloatGuard floats(float_changes_);
  given_.cost(given_.user, abi_problem.get(), abi_params.get(), &cost);
  return cost;
}

Cost Adapter::cost(const Problem& problem, const Params& params) const {
  const auto cost = declared_cost(problem, params);
  const auto count = [](double value) { return is_count(value) ? value : 0; };
  return {.multiply_adds = count(cost.multiply_adds),
          .exps = count(cost.exps),
          .bytes = count(cost.bytes),
          .pairs = count(cost.pairs),
          .external_bytes = count(cost.external_bytes),
          .start_seconds = count(cost.start_seconds),
          .depth = std::max(1.0, count(cost.depth))};
}

std::string Adapter::cost_fault(const Problem& problem, const Params& params) const {
  const auto cost = declared_cost(problem, params);
  for (const auto& [name, value] : {std::pair{"multiply_adds", cost.multiply_adds},
                                    {"exps", cost.exps},
                                    {"bytes", cost.bytes},
                                    {"pairs", cost.pairs},
                                    {"external_bytes", cost.external_bytes},
                                    {"start_seconds", cost.start_seconds},
                                    {"depth", cost.depth}})
    if (!is_count(value)) return fmt::format("declares a cost of {} = {}; expected a finite number, at least 0", name, value);
  return {};
}

std::size_t Adapter::workspace(const Problem& problem, const Params& params, int threads) const {
  const AbiProblem abi_problem(problem);
  const AbiParams abi_params(params);
  const CrashGuard crash(host_.plugin_name(), "in workspace()");
  const FloatGuard floats(float_changes_);
  return given_.workspace(given_.user, abi_problem.get(), abi_params.get(), threads);
}

Prepared Adapter::prepare(const PrepareTask& task) const {
  const auto call = std::make_shared<PreparedCall>(task, given_, extras_of(variant_, task.problem, task.params), float_changes_);
  const auto before = host_.allocated_bytes();
  std::uint64_t bytes = 0;
  if (given_.prepare) {
    CallContext context(float_changes_);
    const auto abi = call->task(task.threads, context);
    require_ok(given_.prepare(given_.user, &abi, &call->state, &bytes), "prepare", context.reason);
  }
  return {call, static_cast<std::size_t>(bytes) + static_cast<std::size_t>(host_.allocated_bytes() - before)};
}

void Adapter::run(const RunTask& task) const {
  CallContext context(float_changes_, &task.workspace, &task.parallel);
  const AbiCall call(task.prepared, task.inputs, &task.output, task.parallel.threads(), context);
  require_ok(given_.run(given_.user, call.get()), "run", context.reason);
}

double Adapter::time_calls(const RunTask& task, std::int64_t count) const {
  CallContext context(float_changes_, &task.workspace, &task.parallel);
  const AbiCall call(task.prepared, task.inputs, &task.output, task.parallel.threads(), context);
  double seconds = 0;
  require_ok(given_.time_calls(given_.user, call.get(), count, &seconds), "time_calls", context.reason);
  if (!(seconds > 0)) throw std::runtime_error(std::string("time_calls of ") + variant_.name + " gave no time");
  return seconds;
}

Facts Adapter::implementation(const RunTask& task) const {
  CallContext context(float_changes_, &task.workspace, &task.parallel);
  const AbiCall call(task.prepared, task.inputs, &task.output, task.parallel.threads(), context);
  Facts facts;
  attnbench_lines lines{head_of<attnbench_lines>(), nullptr, &facts};
  lines.add = [](const attnbench_lines* list, const char* name, const char* text) {
    static_cast<Facts*>(list->host_data)->emplace_back(or_word(name, "note"), or_word(text, ""));
  };
  given_.implementation(given_.user, call.get(), &lines);
  return facts;
}

void Adapter::oracle(const OracleTask& task) const {
  CallContext context(float_changes_, nullptr, &task.parallel);
  const AbiCall call(task.prepared, task.inputs, nullptr, task.parallel.threads(), context);
  require_ok(given_.oracle(given_.user, call.get(), task.rows.data(), task.rows.size(), task.out), "oracle", context.reason);
}

bool Adapter::attends(const MaskTask& task, std::int64_t b, std::int64_t h, std::int64_t i, std::int64_t j) const {
  CallContext context(float_changes_);
  const auto abi = task.prepared.as<PreparedCall>().task(1, context);
  return given_.attends(given_.user, &abi, b, h, i, j) != 0;
}

}  // namespace attnbench::plugins
