// Orchestrator: carries out a plan by starting one worker process per piece of work and storing what it says. It never runs a
// kernel itself: a worker that crashes, hangs or runs out of memory costs its own case and nothing else.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/measure/calibration.h"

namespace attnbench {

struct Plan;

struct RunOptions {
  std::string directory;             // results/<run>; made if missing
  bool resume = false;               // continue a directory that already holds records
  bool allow_mixed = false;          // resume: carry on although the binary or the machine is another
  bool verify_only = false;          // the `verify` command: no timing, no memory, no weights
  std::vector<std::string> command;  // argv, stored in run.json
  std::string self;                  // path of this binary, started again as the worker
  double inputs_bytes = 1e9;         // of inputs kept on disk between rounds; those of further groups are made again in each round
  std::string cost_model_file{};     // what earlier runs learned about this machine, and this one will; "" for nothing
  /// Asked once the folder is there, for a run that has no ceilings yet; stops when keep_going says no.
  std::function<std::optional<Calibration>(const std::function<bool()>& keep_going)> calibrate{};
};

struct RunOutcome {
  int ok = 0, skipped = 0, failed = 0;  // cases: failed is every other status than ok, skipped and unsupported
  bool interrupted = false;
  bool calibration_refuted = false;  // a peak above the calibrated one was probed
  /// 0 all good; 1 a case failed; 130 interrupted.
  int exit_code() const { return interrupted ? 130 : failed > 0 ? 1 : 0; }
};

/// Runs what is missing from the directory. Throws UserError: unwritable directory, existing run without resume, another schema
/// version, another plan, binary or machine.
RunOutcome run_plan(const Plan& plan, const RunOptions& options);

}  // namespace attnbench
