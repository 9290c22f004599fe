// UserError: a mistake of the user's, said in one line: what was wrong, the value seen, what to do. The command line prints
// it and exits with 2. It never leaves a variant's run.
#pragma once

#include <stdexcept>
#include <string>

namespace attnbench {

struct UserError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace attnbench
