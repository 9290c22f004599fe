// Synthetic: a workload of known length that goes through the same worker, timer and process as any variant, for attnbench doctor.
// A run makes `turns` turns of a loop of dependent multiply-adds on one core: a time that depends on the clock of the core and on
// nothing else. Known to workers only; no list and no plan shows it.
#pragma once

#include <string_view>

#include "variants/api/variant.h"

namespace attnbench {

extern const Variant kSynthetic;

/// The variants a worker of attnbench knows: all that there are, and the synthetic one.
const Variant* find_worker_variant(std::string_view name);

}  // namespace attnbench
