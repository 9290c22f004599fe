// CPU use: how many cores other processes keep busy while something is measured.
#pragma once

#include <optional>

namespace attnbench {

/// CPU seconds of the whole machine and of this process with the children it has waited for, and the time they were taken at.
struct CpuUse {
  double machine = 0, own = 0, wall = 0;
};

/// All zeros where /proc/stat does not tell.
CpuUse cpu_use_now();

/// Cores that others kept busy between two readings; nullopt where the system does not tell.
std::optional<double> other_work_cores(const CpuUse& before, const CpuUse& after);

/// The same over the next quarter of a second. The load average remembers a minute, so it still counts the build or the run before.
std::optional<double> other_work_cores_now();

}  // namespace attnbench
