// Available memory: what a new process may use before the machine, or the container it runs in, starts to kill.
#pragma once

namespace attnbench {

/// Bytes: what the kernel calls available, or less where a control group above this process sets a limit.
double available_memory_bytes();

}  // namespace attnbench
