// Plan files in TOML.
#include "harness/planning/axes.h"
#include "harness/planning/plan_file.h"
#include "tests/fuzz/fuzz.h"

using namespace attnbench;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto spec = fuzz::accepted([&] { return parse_plan(fuzz::as_text(data, size), "fuzz"); });
  if (!spec) return 0;
  fuzz::require(!spec->sweeps.empty(), "a plan has a sweep");
  const auto toml = to_toml(*spec);
  const auto again = fuzz::accepted([&] { return parse_plan(toml, "printed"); });
  fuzz::require(again.has_value(), "a written plan is read again");
  fuzz::require(to_toml(*again) == toml, "a written plan is the same plan");
  fuzz::require(again->name == spec->name && again->seed == spec->seed && again->rounds == spec->rounds &&
                    again->memory_budget == spec->memory_budget && again->sweeps.size() == spec->sweeps.size(),
                "a written plan keeps its settings");
  for (std::size_t i = 0; i < spec->sweeps.size(); ++i) {
    fuzz::require(again->sweeps[i].axes == spec->sweeps[i].axes && again->sweeps[i].variants == spec->sweeps[i].variants,
                  "a written plan keeps its sweeps");
    for (const auto& axis : spec->sweeps[i].axes) fuzz::accepted([&] { return parse_axis(axis); });
  }
  return 0;
}
