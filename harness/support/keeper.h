// Keeper: a process between this one and a program that it starts, which does nothing but wait. What the program has started in
// turn, also in sessions of its own as daemons are, ends with the program and with this process, however either ends.
#pragma once

#include "harness/support/child.h"

namespace attnbench {

/// As start_child(), through a keeper. When the program ends, the keeper kills all that it left behind and then ends as the program
/// did, by the same exit code or signal. When this process ends, be it by `kill -9`, the keeper kills program and all. Returns the
/// keeper's number, which leads the group where `own_group` is set. The program itself dies with the keeper.
pid_t start_kept_child(const std::vector<std::string>& command, const ChildOptions& options);

}  // namespace attnbench
