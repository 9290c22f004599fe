// fault_worker: `worker` is attnbench's worker with the fault variants; `run DIR new|resume|mixed VARIANT...` carries out a fault
// plan over several lengths, so that a test can kill an orchestrator.
#include <cstdio>
#include <string>
#include <vector>

#include "harness/planning/case.h"
#include "harness/planning/plan.h"
#include "harness/run/orchestrator.h"
#include "harness/support/paths.h"
#include "harness/worker/worker.h"
#include "tests/harness/fault_variants/fault_variants.h"
#include "variants/api/error.h"

int main(int argc, char** argv) {
  using namespace attnbench;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty() && arguments[0] == "worker") return worker_process(&find_fault_variant);
  if (arguments.size() < 4 || arguments[0] != "run") return 2;
  try {
    const auto plan = fault_plan({arguments.begin() + 3, arguments.end()}, {4, 5, 6, 7});
    return run_plan(plan, {.directory = arguments[1],
                           .resume = arguments[2] != "new",
                           .allow_mixed = arguments[2] == "mixed",
                           .verify_only = false,
                           .command = arguments,
                           .self = self_path()})
        .exit_code();
  } catch (const UserError& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
