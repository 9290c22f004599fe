// Datasets of a run: a fingerprint of what each makes its inputs from. A name such as `file:data` says where to look, not what is
// there: on another machine, or a day later, the same name may stand for other inputs, and their times must not stand in one run.
#pragma once

#include <optional>
#include <string>

#include "harness/support/json_fwd.h"

namespace attnbench {

struct Plan;

/// The `datasets` of run.json: name -> Dataset::fingerprint(), for the cases of a plan; without those that cannot be opened. An
/// extra input that a dataset holds itself is named after it ("file:x.npz, input beta"): another shard may not read it.
Json dataset_fingerprints(const Plan& plan);

/// A name that two such objects both hold, with different fingerprints. What only one of them holds is no contradiction: shards of
/// a plan need not share a dataset.
std::optional<std::string> contradicting_dataset(const Json& a, const Json& b);

}  // namespace attnbench
