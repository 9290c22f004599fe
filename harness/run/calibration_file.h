// Calibration file: where a machine's calibration is kept, when it still holds, and the one a run uses.
#pragma once

#include <ctime>
#include <functional>
#include <optional>
#include <string>

#include "harness/measure/calibration.h"

namespace attnbench {

/// $ATTNBENCH_CALIBRATION, else ${XDG_CACHE_HOME:-$HOME/.cache}/attnbench/calibration-<machine_id>.json; "" when none is set.
std::string calibration_path(const std::string& machine_id);

/// Writes it whole or not at all, folders included. Throws UserError when it cannot be written, or would replace a file that is not
/// a calibration.
void write_calibration(const Calibration& calibration, const std::string& path);

/// Throws UserError when there is a regular file at the path that is neither empty nor a calibration.
void require_replaceable_calibration(const std::string& path);

/// What a file holds; empty when it is missing or no calibration.
std::optional<Calibration> read_calibration(const std::string& path);

/// Who asks for a calibration, and when.
struct StalenessQuery {
  std::string machine_id;
  std::string attnbench;  // version
  std::time_t now = 0;
  double load_1m = 0;
};
/// Why a stored calibration no longer holds, in words that follow "the stored calibration is"; "" while it holds.
std::string why_stale(const Calibration& calibration, const StalenessQuery& asker);

/// What a calibration is good for: the next 30 days; this run only, as other work ran beside it; nothing, as it contradicts itself.
enum class Use { keep, once, none };
struct Usability {
  Use use = Use::keep;
  std::string reason;
};
Usability usability_of(const Calibration& calibration);

enum class WhenStale { measure, leave_out };
/// The stored calibration of this machine while it holds. Else, with `measure`, a quick one made by workers of the binary `self` (a
/// few seconds, announced in one line on standard error), a second one where the first is not good enough to keep, and stored if
/// it is. Empty when there is none: left out, stopped by keep_going, contradictory twice, or failed, which is logged to standard
/// error and is not fatal.
std::optional<Calibration> usable_calibration(const std::string& self, WhenStale when_stale,
                                              const std::function<bool()>& keep_going = {});

/// Removes the stored calibration of this machine: a run has probed a higher peak. False when there was none to remove.
bool discard_calibration();

}  // namespace attnbench
