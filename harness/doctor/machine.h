// Machine: the settings of a machine and of this build that make times scatter, read from the system and judged in plain words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/doctor/check.h"

namespace attnbench {

/// What was read; "unknown" and 0 where the system does not tell.
struct MachineFacts {
  std::string governor = "unknown";
  std::string turbo = "unknown";             // "on", "off"
  int siblings = 1;                          // hardware threads per core
  double load = 0;                           // one-minute average
  std::optional<double> other_work_cores{};  // kept busy by other processes; read only where the load is high
  int cores = 1;                             // usable by this process
  int online = 1;                            // of the machine
  std::string huge_pages = "unknown";
  double swap_used = 0;      // bytes
  double cpu_quota = 0;      // cores that the control group grants; 0: no limit
  std::string memory_limit;  // of the control group, as text; "" for none
  double steal = 0;          // share of the CPU time that the hypervisor gave to others while we watched
  std::string build_type = "Release";
  bool sanitized = false;
  int openblas_parallel = 1;  // openblas_get_parallel(): 0 serial, 1 threads, 2 OpenMP
  std::string openblas_core;
  std::string isa;
  int counters_error = 0;  // errno of opening hardware counters; 0 when they can be used
  int perf_paranoid = 2;   // kernel.perf_event_paranoid: above 2 users may not count
};

/// Reads them; watches the hypervisor's share for a quarter of a second.
MachineFacts read_machine();

std::vector<Check> judge_machine(const MachineFacts& facts);

}  // namespace attnbench
