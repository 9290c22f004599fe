// Plan: what a run will do, resolved before anything runs. Axes x variants x datasets become Cases; a combination that cannot run
// is a Case too, with the reasons why, so that nothing disappears silently.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "variants/api/variant.h"

namespace attnbench {

/// One variant with its parameters.
struct VariantConfig {
  const Variant* variant = nullptr;
  Params params;
  std::string label() const { return attnbench::label(*variant, params); }
};

/// Where the rates of a prediction come from: built in, or measured on this machine.
enum class RateSource { prior, fitted };

/// What the cost model expects of a case; shown by `plan`, used for skips and the ETA.
struct Prediction {
  double seconds = 0;     // one call
  double peak_bytes = 0;  // inputs + output + workspace + prepared, whole process and those it starts
  RateSource rates = RateSource::prior;
  double start_seconds = 0;  // of a process, before its first call: libraries loaded
};

enum class CaseStatus { planned, unsupported, skipped };

/// One point to verify and measure.
struct Case {
  std::string dataset;  // canonical spec
  Problem problem;
  VariantConfig config;
  int threads = 1;
  Prediction prior;       // what built-in rates say
  Prediction prediction;  // what is believed: the prior, corrected where this machine was measured (fitted_model.h)
  CaseStatus status = CaseStatus::planned;
  Reasons reasons;  // why unsupported or skipped

  /// "text|b1 h8 n1024 d64 f32|naive|t2": the case part of a record's key.
  std::string key() const;
};

/// Whether a timed call finds its inputs where the call before it left them, or nowhere near (planning/cold_cache.h).
enum class CacheMode { hot, cold };
constexpr const char* name_of(CacheMode mode) { return mode == CacheMode::hot ? "hot" : "cold"; }

enum class Profile { quick, standard, rigorous };

/// How long and how often to measure (measurement.md, "One point").
struct Sampling {
  Profile profile = Profile::quick;
  int rounds = 6;   // fresh worker processes per case; six is the fewest that give a 95 % interval of their median
  int samples = 1;  // per round
  double min_sample_seconds = 0.010;
  double warmup_seconds = 0.2;
  double cap_seconds = 60;       // per case over all rounds
  double timeout_seconds = 300;  // for one worker
  CacheMode cache = CacheMode::hot;
};
Sampling sampling_for(Profile profile);

/// One of `count` parts that a plan is split into (planning/shard.h); 1 of 1 is the whole.
struct Shard {
  int index = 1;
  int count = 1;
  bool operator==(const Shard&) const = default;
};

/// A dataset of the user's arrays: the problem that its file holds, and lines on how it is used.
struct FileDataset {
  std::string dataset;
  Problem holds;
  std::vector<std::string> notes;
};

struct Plan {
  std::string name = "custom";
  std::vector<Case> cases;  // grouped by (dataset, problem, threads); variants in selection order inside a group
  std::vector<FileDataset> files;
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> rows_seed;  // of the query rows that are verified; drawn when the run begins where it is not given
  Sampling sampling;
  double memory_budget_bytes = 0;          // cases predicted above it are skipped
  std::optional<double> max_call_seconds;  // and those whose one call is predicted to take longer
  bool weights = true;                     // also read off the attention matrices of a small problem for the heat maps
  std::string resolved_toml;               // the plan as a file that gives the same plan again
  Shard shard;
  std::size_t cases_elsewhere = 0;          // in the other shards
  std::set<std::string> weights_elsewhere;  // datasets whose attention matrices another shard draws
};

}  // namespace attnbench
