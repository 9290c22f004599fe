// Add round: a run of one round becomes round K of another run. `attnbench compare` measures two commands in turns, each time into
// a run of its own, and keeps them so.
#pragma once

#include <string>

namespace attnbench {

struct RoundToAdd {
  std::string run;       // run directory that takes the round; made with the first one
  std::string measured;  // run directory of one round
  int number = 0;        // from 0; what `run` holds of this round or a later one is replaced
  int planned = 1;       // rounds that `run` is to have in the end
};

/// What was verified once is kept once; a case that fails in a later round has failed. Throws UserError: damaged runs, `run` in
/// use, not writable, or with fewer rounds than `number`.
void add_round(const RoundToAdd& round);

}  // namespace attnbench
