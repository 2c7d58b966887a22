// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "base/error.h"

namespace howdah::os {

// From now on the memory of this process reaches no core file, also where core_pattern is a
// program, for which RLIMIT_CORE means nothing; and no other process of this user reads it. For
// processes that hold secrets; first thing in main. Started programs are as others again.
// Errors: io_error.
Result<void> forbid_core_dumps();

}  // namespace howdah::os
