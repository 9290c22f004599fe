// Status of a record. Only ok carries a measurement.
#pragma once

#include <string_view>

namespace attnbench {

// misdeclared: memory, threads, clock or cost are not as declared. above_ceiling: a time shorter than this machine can take for the
// declared work.
enum class Status { ok, skipped, unsupported, mismatch, mistrusted, misdeclared, above_ceiling, crashed, timeout, out_of_memory };

constexpr const char* kStatusNames[] = {"ok",          "skipped",       "unsupported", "mismatch", "mistrusted",
                                        "misdeclared", "above_ceiling", "crashed",     "timeout",  "out_of_memory"};
constexpr const char* name_of(Status status) { return kStatusNames[static_cast<int>(status)]; }

}  // namespace attnbench
