// Examination: one check of the contract on one variant of a plugin, in a process of its own, so that a plugin that crashes or
// hangs costs that check and no more.
#pragma once

#include <string>
#include <vector>

#include "harness/contract/check.h"

namespace attnbench::contract {

struct Verdict {
  enum class Kind { pass, fail, note, nothing };  // note: a finding of a check that is only advice; nothing: it does not apply
  Kind kind = Kind::pass;
  std::int64_t count = 0;          // findings in all
  std::vector<std::string> lines;  // the first few
};
const char* name_of(Verdict::Kind kind);

/// Starts `self plugin examine` on it. `timeout_seconds`: then the check has failed.
Verdict examine(const std::string& plugin_file, const std::string& variant, const Check& check, const std::string& self,
                double timeout_seconds);

/// The child's side of it: the body of the hidden `plugin examine` subcommand. Returns the exit code.
int examine_here(const std::string& plugin_file, const std::string& variant, const std::string& check);

}  // namespace attnbench::contract
