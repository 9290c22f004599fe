// The plugin attnbench_external.so: every external baseline of the catalogue as a variant. It needs none of their libraries to be
// built or loaded.
#include "attnbench/plugin.h"

#include <deque>
#include <new>
#include <string>
#include <vector>

#include "variants/external/adapter/adapter_process.h"
#include "variants/external/cost.h"
#include "variants/external/engine.h"
#include "variants/external/installation.h"

namespace attnbench::external {
namespace {

const ExternalVariant& external_of(void* user) { return *static_cast<const ExternalVariant*>(user); }
Session& session_of(void* state) { return *static_cast<Session*>(state); }

// Runs body, and turns what it throws into a return value: no exception may cross the line.
template <class Body>
std::int32_t guarded(const attnbench_task* task, const Body& body) {
  try {
    body();
    return ATTNBENCH_OK;
  } catch (const ExternalError& error) {
    task->fail(task, error.what());
    return error.status;
  } catch (const std::bad_alloc&) {
    task->fail(task, "an allocation failed");
    return ATTNBENCH_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    task->fail(task, error.what());
    return ATTNBENCH_FAILED;
  } catch (...) {
    task->fail(task, "an exception that is not a std::exception");
    return ATTNBENCH_FAILED;
  }
}

void unsupported(void* user, const attnbench_problem* problem, const attnbench_params*, const attnbench_lines* lines) {
  Reasons reasons;
  const ExternalVariant& external = external_of(user);
  if (external.unsupported) external.unsupported(*problem, reasons);
  for (const auto& reason : reasons) lines->add(lines, nullptr, reason.c_str());
}

void cost(void* user, const attnbench_problem* problem, const attnbench_params*, attnbench_cost* cost) {
  declare_cost(external_of(user), *problem, *cost);
}

std::int32_t prepare(void* user, const attnbench_task* task, void** state, std::uint64_t* bytes) {
  return guarded(task, [&] {
    const ExternalVariant& external = external_of(user);
    auto session = external.engine == Engine::in_process ? open_in_process(external, *task) : open_adapter(external, *task);
    *bytes = session->bytes();
    *state = session.release();
  });
}

void destroy(void*, void* state) { delete &session_of(state); }

std::int32_t run(void*, const attnbench_task* task) {
  return guarded(task, [&] { session_of(task->state).run(*task); });
}

std::int32_t time_calls(void*, const attnbench_task* task, std::int64_t count, double* seconds) {
  return guarded(task, [&] { *seconds = session_of(task->state).time_calls(*task, count); });
}

void implementation(void*, const attnbench_task* task, const attnbench_lines* lines) {
  guarded(task, [&] {
    for (const auto& [name, text] : session_of(task->state).facts(*task)) lines->add(lines, name.c_str(), text.c_str());
  });
}

std::int32_t oracle(void*, const attnbench_task* task, const std::int64_t* rows, std::uint64_t count, double* out) {
  return guarded(task, [&] { multi_head_oracle(session_of(task->state).weights, *task, rows, count, out); });
}

// The words of one variant; they must outlive the plugin's table.
struct Listed {
  std::string summary, paper, unavailable;
  attnbench_variant variant;
};

constexpr std::uint32_t kSoftmaxLaws = ATTNBENCH_LAW_ROW_STOCHASTIC | ATTNBENCH_LAW_KEY_PERMUTATION |
                                       ATTNBENCH_LAW_INDEPENDENT_HEADS | ATTNBENCH_LAW_SCORE_SHIFT | ATTNBENCH_LAW_WEIGHTS_READABLE;

void describe(const ExternalVariant& external, Listed& listed) {
  const auto version = installed_version(external);
  listed.paper = std::string(external.framework) + (version.empty() ? "" : " " + version);
  listed.summary = std::string(external.framework) + ": " + external.call;
  listed.unavailable = why_unavailable(external).value_or("");
  const bool projects = external.mathematics == Mathematics::multi_head;
  auto& v = listed.variant;
  v = {};
  v.head = ATTNBENCH_HEAD(attnbench_variant);
  v.name = external.name;
  v.family = "external";
  v.summary = listed.summary.c_str();
  v.paper = listed.paper.c_str();
  v.time_label = projects ? "O(n^2 d + n d^2)" : "O(n^2 d)";
  v.memory_label = external.scores.plain > 0 || external.scores.causal > 0 ? "O(n^2)" : "O(n d)";
  v.computes = projects ? ATTNBENCH_OWN_DEFINITION : ATTNBENCH_EXACT_SOFTMAX;
  v.supports = external.supports;
  v.laws = projects ? 0u : kSoftmaxLaws;
  v.multiply_adds_per_second = external.fused ? 30e9 : 10e9;  // half of the fused ones are none the faster for a causal mask
  v.exps_per_second = external.fused ? 0.5e9 : 0.4e9;
  v.equivalent_to = projects ? "multi_head" : nullptr;
  v.unavailable = listed.unavailable.empty() ? nullptr : listed.unavailable.c_str();
  v.user = const_cast<ExternalVariant*>(&external);
  v.unsupported = unsupported;
  v.cost = cost;
  v.prepare = prepare;
  v.destroy = destroy;
  v.run = run;
  v.time_calls = external.writes_our_output ? nullptr : time_calls;
  v.implementation = implementation;
  v.oracle = projects ? oracle : nullptr;
}

struct Table {
  std::deque<Listed> listed;  // addresses stay
  std::vector<const attnbench_variant*> variants;
};

const Table& build() {
  static const Table table = [] {
    Table made;
    for (const auto& external : catalogue()) {
      describe(external, made.listed.emplace_back());
      made.variants.push_back(&made.listed.back().variant);
    }
    return made;
  }();
  return table;
}

}  // namespace
}  // namespace attnbench::external

extern "C" const attnbench_plugin_table* attnbench_plugin(const attnbench_host* host) {
  using namespace attnbench::external;
  try {
    static const attnbench_plugin_table table{ATTNBENCH_HEAD(attnbench_plugin_table), "external", ATTNBENCH_EXTERNAL_VERSION,
                                              build().variants.size(), build().variants.data()};
    return &table;
  } catch (const std::exception& error) {
    host->fail(host, error.what());
    return nullptr;
  }
}
