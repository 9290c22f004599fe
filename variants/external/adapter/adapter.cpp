// An external baseline in another process: its tensors go through shared memory before and after the calls, outside the time taken.
#include <algorithm>
#include <cstring>

#include "variants/external/adapter/adapter_process.h"
#include "variants/external/adapter/shared_memory.h"
#include "variants/external/engine.h"
#include "variants/external/installation.h"

namespace attnbench::external {
namespace {

constexpr const char* kWeightNames[] = {"w_q", "w_k", "w_v", "w_o"};

std::vector<SharedTensor> tensors_of(const attnbench_problem& p, const ProjectionWeights& weights) {
  std::vector<SharedTensor> tensors{{"q", {p.batch, p.heads_q, p.n_q, p.d_qk}, ATTNBENCH_F32},
                                    {"k", {p.batch, p.heads_kv, p.n_k, p.d_qk}, ATTNBENCH_F32},
                                    {"v", {p.batch, p.heads_kv, p.n_k, p.d_v}, ATTNBENCH_F32},
                                    {"output", {p.batch, p.heads_q, p.n_q, p.d_v}, ATTNBENCH_F32}};
  if (p.mask_kind != ATTNBENCH_NO_MASK)
    tensors.push_back({"mask",
                       {p.mask_per_batch ? p.batch : 1, p.mask_per_head ? p.heads_q : 1, p.n_q, p.n_k},
                       p.mask_kind == ATTNBENCH_BOOLEAN_MASK ? ATTNBENCH_U8 : ATTNBENCH_F32});
  if (weights.width > 0)
    for (const char* name : kWeightNames) tensors.push_back({name, {1, 1, weights.width, weights.width}, ATTNBENCH_F32});
  return tensors;
}

const char* causal_word(const attnbench_problem& p) {
  if (p.causal == ATTNBENCH_NOT_CAUSAL || (p.causal == ATTNBENCH_BOTTOM_RIGHT && p.n_q == 1)) return "none";
  return p.causal == ATTNBENCH_TOP_LEFT || p.n_q == p.n_k ? "top_left" : "bottom_right";
}

Json describe(const attnbench_problem& p) {
  return {{"batch", p.batch},
          {"heads_q", p.heads_q},
          {"heads_kv", p.heads_kv},
          {"n_q", p.n_q},
          {"n_k", p.n_k},
          {"d_qk", p.d_qk},
          {"d_v", p.d_v},
          {"causal", causal_word(p)},
          {"scale", p.scale},
          {"mask", p.mask_kind == ATTNBENCH_BOOLEAN_MASK    ? "boolean"
                   : p.mask_kind == ATTNBENCH_ADDITIVE_MASK ? "additive"
                                                            : "none"}};
}

Json describe(const std::vector<SharedTensor>& tensors) {
  auto list = Json::array();
  for (const auto& tensor : tensors)
    list.push_back({{"name", tensor.name},
                    {"shape", tensor.shape},
                    {"dtype", tensor.dtype == ATTNBENCH_F32 ? "float32" : "uint8"},
                    {"offset", tensor.offset}});
  return list;
}

class Adapter : public Session {
 public:
  Adapter(const ExternalVariant& external, const attnbench_task& task, ProjectionWeights drawn)
      : memory_(tensors_of(*task.problem, drawn)),
        process_(interpreter(), home_dir() + "/python", memory_.descriptor(), task.threads) {
    weights = std::move(drawn);
    if (weights.width > 0)
      for (std::size_t i = 0; i < weights.matrices.size(); ++i)
        std::memcpy(memory_.at(kWeightNames[i]), weights.matrices[i].data(), weights.matrices[i].size() * sizeof(float));
    process_.ask({{"do", "prepare"},
                  {"module", external.home},
                  {"mode", external.mode},
                  {"problem", describe(*task.problem)},
                  {"threads", task.threads},
                  {"bytes", memory_.bytes()},
                  {"tensors", describe(memory_.tensors())}});
  }

  void run(const attnbench_task& task) override {
    load(task);
    process_.ask({{"do", "run"}});
    store(task);
  }

  double time_calls(const attnbench_task& task, std::int64_t count) override {
    load(task);
    const double seconds = process_.ask({{"do", "time"}, {"count", count}});
    store(task);
    return seconds;
  }

  Facts facts(const attnbench_task&) override {
    Facts facts;
    const auto reply = process_.ask({{"do", "facts"}});
    for (const auto& [name, value] : reply.items())
      facts.emplace_back(name, value.is_string() ? value.get<std::string>() : value.dump());
    return facts;
  }

  std::uint64_t bytes() const override { return memory_.bytes(); }

 private:
  void load(const attnbench_task& task) {
    memory_.copy_in("q", *task.q);
    memory_.copy_in("k", *task.k);
    memory_.copy_in("v", *task.v);
    if (task.mask) memory_.copy_in("mask", *task.mask);
    process_.ask({{"do", "load"}});
  }

  void store(const attnbench_task& task) {
    process_.ask({{"do", "store"}});
    memory_.copy_out("output", *task.output);
  }

  SharedMemory memory_;
  AdapterProcess process_;
};

}  // namespace

std::unique_ptr<Session> open_adapter(const ExternalVariant& external, const attnbench_task& task) {
  ProjectionWeights weights;
  if (external.mathematics == Mathematics::multi_head) weights = draw_weights(*task.problem, task.seed);
  return std::make_unique<Adapter>(external, task, std::move(weights));
}

}  // namespace attnbench::external
