#include "harness/planning/sampling.h"

namespace attnbench {

Sampling sampling_for(Profile profile) {
  Sampling sampling;
  sampling.profile = profile;
  sampling.rounds = profile == Profile::quick ? 6 : profile == Profile::standard ? 10 : 20;
  sampling.samples = profile == Profile::quick ? 1 : profile == Profile::standard ? 3 : 5;
  if (profile == Profile::rigorous) sampling.cap_seconds = 180;
  return sampling;
}

}  // namespace attnbench
