// Check: one thing that attnbench doctor looked at, what it found, and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "harness/support/json_fwd.h"

namespace attnbench {

enum class Health { ok, warn, fail };
const char* name_of(Health health);  // "OK", "WARN", "FAIL"

struct Check {
  std::string group;  // "machine", "clock", "noise", "statistics"
  std::string name;   // "governor"
  Health health = Health::ok;
  std::string found;   // one line with the numbers
  std::string advice;  // what to change and what it is worth; "" when all is well
};

Json to_json(const std::vector<Check>& checks);

/// A line per check, the advice below it (once, where the next check has the same), and a closing count.
std::string checks_text(const std::vector<Check>& checks);

bool any_failed(const std::vector<Check>& checks);

}  // namespace attnbench
