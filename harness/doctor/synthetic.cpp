#include "harness/doctor/synthetic.h"

#include "harness/plugins/catalogue.h"

namespace attnbench {
namespace {

constexpr ParamSpec kParams[] = {integer_param("turns", 1000, 1, 1'000'000'000'000, "turns of the loop in one call")};

// Each turn waits for the one before it, so neither the compiler nor the core can make it shorter: 4 to 8 cycles.
void run(const RunTask& task) {
  const auto turns = task.params.integer("turns");
  float value = *task.inputs.queries().data;
  for (std::int64_t i = 0; i < turns; ++i) {
    value = value * 0.999f + 0.001f;
    asm volatile("" : "+m"(value));  // through memory: the store has to be forwarded to the next turn
  }
  *task.out().data = value;
}

}  // namespace

const Variant kSynthetic = {.name = "doctor_synthetic",
                            .family = "synthetic",
                            .summary = "turns of a loop of dependent multiply-adds",
                            .paper = "",
                            .computes = Computes::own_definition,
                            .time_label = "O(turns)",
                            .memory_label = "O(1)",
                            .params = kParams,
                            .run = run};

const Variant* find_worker_variant(std::string_view name) {
  return name == kSynthetic.name ? &kSynthetic : find_known_variant(name);
}

}  // namespace attnbench
