// Job: one piece of work for a worker process, and what the worker says about it. Both travel as one line of JSON, so a worker can
// be started by hand: `echo '{...}' | attnbench worker 3>&1`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "harness/planning/sampling.h"
#include "harness/protocol/measurement.h"
#include "variants/api/variant.h"

namespace attnbench {

/// The parameters of a selection as text, ready for Params::set().
using ParamTexts = std::vector<std::pair<std::string, std::string>>;
ParamTexts param_texts(const Params& params);

struct Job {
  std::uint64_t id = 0;  // given by run_job(); the answer must carry it
  JobKind kind = JobKind::inputs;
  std::string dataset;
  Problem problem;
  std::string variant;  // empty for inputs
  ParamTexts params;    // those that differ from the defaults may suffice
  std::string plugin;   // the file the variant comes from; empty for a built-in one
  int threads = 1;
  std::uint64_t seed = 1;
  std::uint64_t rows_seed = 1;    // of the query rows that are compared with the oracle
  std::string verified_output;    // time: digest of the output that was verified; empty when it is not known
  bool judge_output = true;       // time: whether the output of the last timed call is checked
  std::vector<InputSpec> extras;  // inputs: those that the variants of the group declare, each once
  std::string inputs_file;        // written by inputs, mapped read-only by the others
  std::string exact_rows_file;    // the exact softmax rows verify compares with; written by inputs unless empty
  std::string weights_file;       // written by weights
  bool token_labels = false;      // inputs: also answer with the words of the keys
  std::string ceiling;            // ceilings: what to measure (measure/ceilings.h)
  bool quick = false;             // ceilings: fewer sizes and tries
  Sampling sampling;              // time
  double budget_seconds = 0;      // time: what is left of the cap; ceilings: how long to try
  double memory_limit = 0;        // bytes of private memory, 0 for no limit
};

struct JobResult {
  std::uint64_t job = 0;  // id of the job this is the result of
  Status status = Status::ok;
  Reasons reasons;
  std::string isa;
  Measurement measured;
  std::vector<std::string> token_labels;  // of inputs
  double wall_seconds = 0;                // filled in by the orchestrator
  bool run_failed = false;                // the machine or the run's folder had no room: nothing is wrong with the case
  bool interrupted = false;               // the run was stopped; there is no result
};

std::string to_line(const Job& job);
Job parse_job(const std::string& line);
std::string to_line(const JobResult& result);
/// Throws std::exception when the line is not a result of that job: no JSON, members missing or of the wrong type, another job's
/// id, an ok without its numbers.
JobResult parse_result(const std::string& line, const Job& job);

/// Starts `self worker` on a job and turns every way it can end into a result. keep_going as in ProcessSpec. Throws UserError when
/// the machine cannot start a process.
JobResult run_job(const Job& job, const std::string& self, const std::function<bool()>& keep_going);

}  // namespace attnbench
