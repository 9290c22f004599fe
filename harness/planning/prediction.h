// Prediction: what a case is expected to take.
#pragma once

namespace attnbench {

/// Where the rates of a prediction come from: built in, or measured on this machine.
enum class RateSource { prior, fitted };

/// What the cost model expects of a case; shown by `plan`, used for skips and the ETA.
struct Prediction {
  double seconds = 0;     // one call
  double peak_bytes = 0;  // inputs + output + workspace + prepared, whole process and those it starts
  RateSource rates = RateSource::prior;
  double start_seconds = 0;  // of a process, before its first call: libraries loaded
};

}  // namespace attnbench
