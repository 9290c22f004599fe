// The C++20 side of attnbench/plugin.h: turns variants written as files of the suite (ATTNBENCH_VARIANT(name) = {...}) into a
// plugin. attnbench_add_plugin() in CMake generates what calls it; by hand:
//
//   namespace attnbench::registered { extern const Variant mine; }
//   ATTNBENCH_PLUGIN("mine", "1.0", "", &attnbench::registered::mine)
//
// Header-only, over the value types of variants/api, whose few sources are compiled into the plugin: host and plugin share the C
// ABI and nothing else, so they need not come from the same compiler or standard library. No exception leaves: std::bad_alloc
// becomes ATTNBENCH_OUT_OF_MEMORY, any other ATTNBENCH_FAILED with its what().
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <vector>

#include "attnbench/plugin.h"
#include "variants/api/variant.h"

namespace attnbench::plugin {

// ---- From C to the suite's value types -------------------------------------------------------------------------------------

inline Problem problem_from(const attnbench_problem& given) {
  Problem p;
  p.batch = given.batch;
  p.heads_q = given.heads_q;
  p.heads_kv = given.heads_kv;
  p.n_q = given.n_q;
  p.n_k = given.n_k;
  p.d_qk = given.d_qk;
  p.d_v = given.d_v;
  p.dtype = static_cast<DType>(given.dtype);
  p.phase = static_cast<Phase>(given.phase);
  p.causal = static_cast<Causal>(given.causal);
  if (given.features & ATTNBENCH_FEATURE_WINDOW) p.window = Window{given.window_left, given.window_right};
  if (given.key_lengths) p.key_lengths.assign(given.key_lengths, given.key_lengths + given.batch);
  p.mask = {static_cast<MaskKind>(given.mask_kind), given.mask_per_batch != 0, given.mask_per_head != 0};
  if (given.scale_is_explicit) p.scale = given.scale;
  if (given.softcap > 0) p.softcap = given.softcap;
  return p;
}

inline Params params_from(const Variant& variant, const attnbench_params& given) {
  Params params(variant.params);
  for (std::uint64_t i = 0; i < given.count; ++i) {
    const auto& value = *given.values[i];
    if (value.kind == ATTNBENCH_INTEGER) params.set(value.name, std::to_string(value.integer));
    if (value.kind == ATTNBENCH_CHOICE) params.set(value.name, value.text);
    if (value.kind != ATTNBENCH_REAL) continue;
    char text[32];
    params.set(value.name, std::string_view(text, std::to_chars(text, text + sizeof text, value.real).ptr));
  }
  return params;
}

inline TensorRef tensor_from(const attnbench_tensor* given) {
  TensorRef ref;
  if (given == nullptr) return ref;
  ref.data = given->data;
  ref.dtype = static_cast<DType>(given->dtype);
  std::copy_n(given->shape, ref.shape.size(), ref.shape.begin());
  std::copy_n(given->stride, ref.stride.size(), ref.stride.begin());
  return ref;
}

// The inputs of a call, with the views of its extra inputs.
class CallInputs {
 public:
  explicit CallInputs(const attnbench_task& task)
      : inputs_{tensor_from(task.q), tensor_from(task.k), tensor_from(task.v), tensor_from(task.mask)} {
    if (!ATTNBENCH_HAS(attnbench_task, &task, extras) || task.extras == nullptr) return;
    const auto count = std::min<std::size_t>(task.extra_count, extras_.size());
    for (std::size_t i = 0; i < count; ++i) extras_[i] = {task.extras[i]->name, tensor_from(task.extras[i]->tensor)};
    inputs_.extras = {extras_.data(), count};
  }
  CallInputs(const CallInputs&) = delete;
  CallInputs& operator=(const CallInputs&) = delete;
  const Inputs& get() const { return inputs_; }

 private:
  Inputs inputs_;
  std::array<NamedTensor, ATTNBENCH_MOST_EXTRAS> extras_{};
};

// ---- The host's services as the suite's classes -----------------------------------------------------------------------------

// A loop's body runs on the host's threads, through which no exception may pass: the first one waits here for the loop's end.
struct CaughtBody {
  Parallel::Body body;
  void* state;
  std::mutex mutex{};
  std::exception_ptr first{};

  static void call(void* self, std::int64_t begin, std::int64_t end, std::int32_t slot) {
    auto& caught = *static_cast<CaughtBody*>(self);
    try {
      caught.body(caught.state, begin, end, slot);
    } catch (...) {
      const std::lock_guard lock(caught.mutex);
      if (!caught.first) caught.first = std::current_exception();
    }
  }
};

inline Parallel parallel_from(const attnbench_task& task) {
  const auto loop = [](void* backend, std::int64_t count, std::int64_t grain, Parallel::Body body, void* state) {
    const auto* host = static_cast<const attnbench_task*>(backend);
    CaughtBody caught{body, state};
    host->parallel_for(host, count, grain, &CaughtBody::call, &caught);
    if (caught.first) std::rethrow_exception(caught.first);
  };
  return {task.threads, loop, const_cast<attnbench_task*>(&task)};
}

inline void* take_workspace(void* task, std::size_t bytes) {
  const auto* host = static_cast<const attnbench_task*>(task);
  return host->allocate(host, bytes);
}

/// Runs f; no exception leaves, its line goes to the host.
template <class F>
std::int32_t guarded(const attnbench_task* task, F&& f) noexcept {
  try {
    f();
    return ATTNBENCH_OK;
  } catch (const std::bad_alloc&) {
    return ATTNBENCH_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    task->fail(task, error.what());
  } catch (...) {
    task->fail(task, "it threw something that is no std::exception");
  }
  return ATTNBENCH_FAILED;
}

// ---- The functions of a variant, by its descriptor as `user` ----------------------------------------------------------------

// What prepare() translates once, so that run() allocates nothing.
struct State {
  Problem problem;
  Params params;
  Prepared prepared;
};

inline const Variant& variant_of(void* user) { return *static_cast<const Variant*>(user); }
inline const State& state_of(const attnbench_task* task) { return *static_cast<const State*>(task->state); }

// Calls f with the task as the suite knows it.
template <class F>
void with_run_task(const attnbench_task* task, F&& f) {
  const auto& state = state_of(task);
  const CallInputs inputs(*task);
  const auto parallel = parallel_from(*task);
  Workspace workspace(&take_workspace, const_cast<attnbench_task*>(task));
  f(RunTask{state.problem, state.params, inputs.get(), tensor_from(task->output), state.prepared, workspace, parallel});
}

inline void unsupported(void* user, const attnbench_problem* problem, const attnbench_params* params,
                        const attnbench_lines* lines) noexcept {
  Reasons reasons;
  variant_of(user).unsupported(problem_from(*problem), params_from(variant_of(user), *params), reasons);
  for (const auto& reason : reasons) lines->add(lines, nullptr, reason.c_str());
}

inline void extras(void* user, const attnbench_problem* problem, const attnbench_params* params,
                   const attnbench_input_list* list) noexcept {
  for (const auto& spec : variant_of(user).extras(problem_from(*problem), params_from(variant_of(user), *params))) {
    attnbench_input_spec c{};
    c.head = ATTNBENCH_HEAD(attnbench_input_spec);
    c.name = spec.name.c_str();
    std::copy(spec.shape.begin(), spec.shape.end(), c.shape);
    c.fill = static_cast<std::uint32_t>(spec.fill.kind);
    c.a = spec.fill.a;
    c.b = spec.fill.b;
    c.help = spec.help.c_str();
    list->add(list, &c);
  }
}

inline void cost(void* user, const attnbench_problem* problem, const attnbench_params* params, attnbench_cost* out) noexcept {
  const auto counted = variant_of(user).cost(problem_from(*problem), params_from(variant_of(user), *params));
  out->multiply_adds = counted.multiply_adds;
  out->exps = counted.exps;
  out->bytes = counted.bytes;
  out->pairs = counted.pairs;
  if (ATTNBENCH_HAS(attnbench_cost, out, external_bytes)) out->external_bytes = counted.external_bytes;
  if (ATTNBENCH_HAS(attnbench_cost, out, start_seconds)) out->start_seconds = counted.start_seconds;
  if (ATTNBENCH_HAS(attnbench_cost, out, depth)) out->depth = counted.depth;
}

inline std::uint64_t workspace(void* user, const attnbench_problem* problem, const attnbench_params* params,
                               std::int32_t threads) noexcept {
  return variant_of(user).workspace(problem_from(*problem), params_from(variant_of(user), *params), threads);
}

inline std::int32_t prepare(void* user, const attnbench_task* task, void** state, std::uint64_t* bytes) noexcept {
  return guarded(task, [&] {
    const auto& variant = variant_of(user);
    auto made = std::make_unique<State>(State{problem_from(*task->problem), params_from(variant, *task->params), {}});
    made->prepared = attnbench::prepare(variant, made->problem, made->params, task->seed, task->threads);
    *bytes = made->prepared.bytes;
    *state = made.release();
  });
}

inline void destroy(void*, void* state) noexcept { delete static_cast<State*>(state); }

inline std::int32_t run(void* user, const attnbench_task* task) noexcept {
  return guarded(task, [&] { with_run_task(task, variant_of(user).run); });
}

inline std::int32_t time_calls(void* user, const attnbench_task* task, std::int64_t count, double* seconds) noexcept {
  return guarded(task, [&] {
    with_run_task(task, [&](const RunTask& run_task) { *seconds = variant_of(user).time_calls(run_task, count); });
  });
}

inline void implementation(void* user, const attnbench_task* task, const attnbench_lines* lines) noexcept {
  guarded(task, [&] {
    with_run_task(task, [&](const RunTask& run_task) {
      for (const auto& [name, text] : variant_of(user).implementation(run_task)) lines->add(lines, name.c_str(), text.c_str());
    });
  });
}

inline std::int32_t oracle(void* user, const attnbench_task* task, const std::int64_t* rows, std::uint64_t count,
                           double* out) noexcept {
  return guarded(task, [&] {
    const auto& state = state_of(task);
    const CallInputs inputs(*task);
    const auto parallel = parallel_from(*task);
    variant_of(user).oracle({state.problem, state.params, inputs.get(), state.prepared, {rows, count}, out, parallel});
  });
}

inline std::int32_t attends(void* user, const attnbench_task* task, std::int64_t b, std::int64_t h, std::int64_t i,
                            std::int64_t j) noexcept {
  const auto& state = state_of(task);
  return variant_of(user).attends({state.problem, state.params, state.prepared}, b, h, i, j);
}

// ---- The table ---------------------------------------------------------------------------------------------------------------

inline attnbench_param_spec c_param(const ParamSpec& spec) {
  return {ATTNBENCH_HEAD(attnbench_param_spec),
          spec.name,
          static_cast<std::int32_t>(spec.type),
          0,
          spec.number,
          spec.min,
          spec.max,
          spec.text,
          spec.choices,
          spec.help};
}

// Owns all that the table points to. Deques, so that what is added stays where it is.
class Table {
 public:
  Table(const char* name, const char* version, const char* prefix, std::initializer_list<const Variant*> variants) {
    for (const auto* variant : variants) add(*variant, prefix);
    table_ = {ATTNBENCH_HEAD(attnbench_plugin_table), name, version, pointers_.size(), pointers_.data()};
  }
  const attnbench_plugin_table* get() const { return &table_; }

 private:
  void add(const Variant& variant, const char* prefix) {
    auto& specs = specs_.emplace_back();
    auto& spec_pointers = spec_pointers_.emplace_back();
    for (const auto& spec : variant.params) spec_pointers.push_back(&specs.emplace_back(c_param(spec)));

    auto& c = variants_.emplace_back();
    c.head = ATTNBENCH_HEAD(attnbench_variant);
    c.name = names_.emplace_back(std::string(prefix) + variant.name).c_str();
    c.family = variant.family ? variant.family : "plugin";
    c.summary = variant.summary;
    c.paper = variant.paper;
    c.equation = variant.equation;
    c.time_label = variant.time_label;
    c.memory_label = variant.memory_label;
    c.computes = static_cast<std::uint32_t>(variant.computes);
    c.supports = variant.supports;
    c.laws = variant.laws;
    c.needs = variant.needs;
    c.multiply_adds_per_second = variant.rates.multiply_adds;
    c.exps_per_second = variant.rates.exps;
    c.equivalent_to = variant.equivalent_to;
    c.param_count = spec_pointers.size();
    c.params = spec_pointers.data();
    c.unavailable = variant.unavailable;
    c.user = const_cast<Variant*>(&variant);
    connect(variant, c);
    pointers_.push_back(&c);
  }

  // A function the descriptor leaves out is left out of the table.
  static void connect(const Variant& variant, attnbench_variant& c) {
    if (variant.unsupported) c.unsupported = &unsupported;
    if (variant.extras) c.extras = &extras;
    if (variant.cost) c.cost = &cost;
    if (variant.workspace) c.workspace = &workspace;
    c.prepare = &prepare;
    c.destroy = &destroy;
    if (variant.run) c.run = &run;
    if (variant.time_calls) c.time_calls = &time_calls;
    if (variant.implementation) c.implementation = &implementation;
    if (variant.oracle) c.oracle = &oracle;
    if (variant.attends) c.attends = &attends;
  }

  std::deque<std::string> names_;
  std::deque<std::deque<attnbench_param_spec>> specs_;
  std::deque<std::vector<const attnbench_param_spec*>> spec_pointers_;
  std::deque<attnbench_variant> variants_;
  std::vector<const attnbench_variant*> pointers_;
  attnbench_plugin_table table_{};
};

}  // namespace attnbench::plugin

/// Defines the plugin's entry point. PREFIX is put before each variant's name ("" for none): a changed copy of a built-in variant
/// can then run beside it.
#define ATTNBENCH_PLUGIN(NAME, VERSION, PREFIX, ...)                                                              \
  extern "C" ATTNBENCH_PLUGIN_EXPORT const attnbench_plugin_table* attnbench_plugin(const attnbench_host* host) { \
    try {                                                                                                         \
      static const ::attnbench::plugin::Table table(NAME, VERSION, PREFIX, {__VA_ARGS__});                        \
      return table.get();                                                                                         \
    } catch (const std::exception& error) {                                                                       \
      host->fail(host, error.what());                                                                             \
      return nullptr;                                                                                             \
    }                                                                                                             \
  }
