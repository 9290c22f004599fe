// StorageError: the folder of the run itself takes no more, because its disk is full, over quota or gone. Every later case would
// meet the same, so it ends the run instead of being recorded as the fault of one; the run carries on with --resume.
#pragma once

#include "variants/api/error.h"

namespace attnbench {

struct StorageError : UserError {
  using UserError::UserError;
};

}  // namespace attnbench
