// Status of a record. Only ok carries a measurement.
#pragma once

#include <string_view>

namespace attnbench {

enum class Status { ok, skipped, unsupported, mismatch, mistrusted, crashed, timeout, out_of_memory };

constexpr const char* kStatusNames[] = {"ok",         "skipped", "unsupported", "mismatch",
                                        "mistrusted", "crashed", "timeout",     "out_of_memory"};
constexpr const char* name_of(Status status) { return kStatusNames[static_cast<int>(status)]; }

}  // namespace attnbench
