// The plugin attnbench_peers.so: every peer of the catalogue as a variant. It needs no peer's library to be built or loaded.
#include "attnbench/plugin.h"

#include <deque>
#include <new>
#include <string>
#include <vector>

#include "variants/external/adapter/adapter_process.h"
#include "variants/external/cost.h"
#include "variants/external/engine.h"
#include "variants/external/installation.h"

namespace attnbench::peers {
namespace {

const Peer& peer_of(void* user) { return *static_cast<const Peer*>(user); }
Session& session_of(void* state) { return *static_cast<Session*>(state); }

// Runs body, and turns what it throws into a return value: no exception may cross the line.
template <class Body>
std::int32_t guarded(const attnbench_task* task, const Body& body) {
  try {
    body();
    return ATTNBENCH_OK;
  } catch (const PeerError& error) {
    task->fail(task, error.what());
    return error.status;
  } catch (const std::bad_alloc&) {
    task->fail(task, "an allocation failed");
    return ATTNBENCH_OUT_OF_MEMORY;
  } catch (const std::exception& error) {
    task->fail(task, error.what());
    return ATTNBENCH_FAILED;
  } catch (...) {
    task->fail(task, "an exception that is no std::exception");
    return ATTNBENCH_FAILED;
  }
}

void unsupported(void* user, const attnbench_problem* problem, const attnbench_params*, const attnbench_lines* lines) {
  Reasons reasons;
  const Peer& peer = peer_of(user);
  if (peer.unsupported) peer.unsupported(*problem, reasons);
  for (const auto& reason : reasons) lines->add(lines, nullptr, reason.c_str());
}

void cost(void* user, const attnbench_problem* problem, const attnbench_params*, attnbench_cost* cost) {
  declare_cost(peer_of(user), *problem, *cost);
}

std::int32_t prepare(void* user, const attnbench_task* task, void** state, std::uint64_t* bytes) {
  return guarded(task, [&] {
    const Peer& peer = peer_of(user);
    auto session = peer.engine == Engine::in_process ? open_in_process(peer, *task) : open_adapter(peer, *task);
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

void describe(const Peer& peer, Listed& listed) {
  const auto version = installed_version(peer);
  listed.paper = std::string(peer.library) + (version.empty() ? "" : " " + version);
  listed.summary = std::string(peer.library) + ": " + peer.call;
  listed.unavailable = why_unavailable(peer).value_or("");
  const bool projects = peer.mathematics == Mathematics::multi_head;
  auto& v = listed.variant;
  v = {};
  v.head = ATTNBENCH_HEAD(attnbench_variant);
  v.name = peer.name;
  v.family = "peer";
  v.summary = listed.summary.c_str();
  v.paper = listed.paper.c_str();
  v.time_label = projects ? "O(n^2 d + n d^2)" : "O(n^2 d)";
  v.memory_label = peer.scores.plain > 0 || peer.scores.causal > 0 ? "O(n^2)" : "O(n d)";
  v.computes = projects ? ATTNBENCH_OWN_DEFINITION : ATTNBENCH_EXACT_SOFTMAX;
  v.supports = peer.supports;
  v.laws = projects ? 0u : kSoftmaxLaws;
  v.unavailable = listed.unavailable.empty() ? nullptr : listed.unavailable.c_str();
  v.user = const_cast<Peer*>(&peer);
  v.unsupported = unsupported;
  v.cost = cost;
  v.prepare = prepare;
  v.destroy = destroy;
  v.run = run;
  v.time_calls = peer.writes_our_output ? nullptr : time_calls;
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
    for (const auto& peer : catalogue()) {
      describe(peer, made.listed.emplace_back());
      made.variants.push_back(&made.listed.back().variant);
    }
    return made;
  }();
  return table;
}

}  // namespace
}  // namespace attnbench::peers

extern "C" const attnbench_plugin_table* attnbench_plugin(const attnbench_host* host) {
  using namespace attnbench::peers;
  try {
    static const attnbench_plugin_table table{ATTNBENCH_HEAD(attnbench_plugin_table), "peers", ATTNBENCH_PEERS_VERSION,
                                              build().variants.size(), build().variants.data()};
    return &table;
  } catch (const std::exception& error) {
    host->fail(host, error.what());
    return nullptr;
  }
}
