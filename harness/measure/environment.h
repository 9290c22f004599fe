// Environment: everything about the machine and the build that could change a number, read once per run; and what about it should
// make a reader careful.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/support/json_fwd.h"

namespace attnbench {

constexpr double kBusyShare = 0.25;  // load, or cores that other work keeps busy, per core: above it others are using the machine

/// The `environment` of run.json, warnings included. `threads`: the most that the plan asks for.
Json describe_environment(int threads);

/// The facts that decide about warnings, apart from how they are read.
struct Conditions {
  std::string build_type;
  bool sanitized = false;
  int openblas_parallel = 1;                 // openblas_get_parallel(): 0 serial, 1 threads, 2 OpenMP
  double load = 0;                           // one-minute average
  std::optional<double> other_work_cores{};  // kept busy by other processes; read only where the load is high
  int cores = 1;                             // usable by this process
  int threads = 1;                           // wanted
  std::string governor;                      // "unknown" where not readable
  bool turbo = false;                        // cores may run above their base clock while they are cool and few
  double swap_used = 0;                      // bytes
};
/// Cores that other work keeps busy, measured once for a quarter of a second; not measured where the load is low.
std::optional<double> other_work_beside(double load, int cores);
/// Whether others use the machine. A high load alone may be what this user built or ran a minute ago.
bool is_busy(double load, std::optional<double> other_work_cores, int cores);

/// One line each: what is wrong and what to do.
std::vector<std::string> warnings_for(const Conditions& conditions);

/// Hash of cpu model, cores and memory: the same as long as times are comparable.
std::string machine_id(const Json& environment);

}  // namespace attnbench
