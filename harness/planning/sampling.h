// Sampling: how long and how often a case is measured.
#pragma once

namespace attnbench {

/// Whether a timed call finds its inputs where the call before it left them, or nowhere near (planning/cold_cache.h).
enum class CacheMode { hot, cold };
constexpr const char* name_of(CacheMode mode) { return mode == CacheMode::hot ? "hot" : "cold"; }

enum class Profile { quick, standard, rigorous };

/// The defaults are those of the quick profile.
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

}  // namespace attnbench
