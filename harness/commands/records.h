// The records of a run directory, read back for what commands print when a run is over.
#pragma once

#include <string>
#include <vector>

#include "harness/support/json_fwd.h"

namespace attnbench {

/// The records of one kind ("verify", "time", ...), in stored order; a last line still being written is left out.
std::vector<Json> read_records(const std::string& directory, const std::string& kind);

/// Median time per call and status of every case: a row per variant and a column per problem where that fits, else a row per case.
/// A case of whose rounds half were faster than the machine can be has no time but the words "above_ceiling".
std::string summary_text(const std::string& directory);

/// Error and verdict of every verified case, the reasons of those that are not ok below.
std::string verification_text(const std::vector<Json>& records);

}  // namespace attnbench
