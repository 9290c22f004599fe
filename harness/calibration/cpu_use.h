// CPU use: how many cores other processes keep busy while something is measured.
#pragma once

namespace attnbench {

/// CPU seconds of the whole machine and of this process with the children it has waited for, and the time they were taken at.
struct CpuUse {
  double machine = 0, own = 0, wall = 0;
};

/// All zeros where /proc/stat does not tell.
CpuUse cpu_use_now();

/// Cores that others kept busy between two readings; 0 where that is not known.
double other_work_cores(const CpuUse& before, const CpuUse& after);

}  // namespace attnbench
