// Record: one line of records.jsonl, as harness/schema/record.schema.json describes it; and the key that makes it unique in a run.
#pragma once

#include <string>

#include "harness/planning/sampling.h"
#include "harness/protocol/job.h"
#include "harness/support/json_fwd.h"

namespace attnbench {

struct Case;
struct Prediction;
class Params;

/// What a record is about.
struct RecordSubject {
  const Case& bench_case;
  JobKind kind;
  int round = 0;
  std::uint64_t seed = 1;
  std::uint64_t rows_seed = 1;
  int session = 0;  // of run.json
  CacheMode cache = CacheMode::hot;
};

/// "text|b1 h8 n1024 d64 f32|naive|t2|time|r0"
std::string record_key(const Case& bench_case, JobKind kind, int round = 0);

/// The record of a worker's result, or of a case that was refused (a result made by the orchestrator). `started`: utc_now() before
/// it.
Json make_record(const RecordSubject& subject, const JobResult& result, const std::string& started);

/// Shell command that measures the case again, quoted where the shell needs it.
std::string reproducer(const Case& bench_case, std::uint64_t seed, std::uint64_t rows_seed, CacheMode cache = CacheMode::hot);

/// The `prediction` member of a record.
Json prediction_json(const Prediction& prediction);

/// All parameters with their values.
Json params_json(const Params& params);

/// "2026-03-01T12:34:56Z"
std::string utc_now();

}  // namespace attnbench
