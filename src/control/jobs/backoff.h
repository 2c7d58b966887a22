// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <algorithm>

#include "net/task.h"

namespace howdah::control {

// The pause before attempt + 1: doubled each time from first to max, then varied by up to a fifth
// to either side, so that jobs that failed together do not come back together.
// attempt: 1 or more. random: 0 to 999.
inline milliseconds backoff(int attempt, milliseconds first, milliseconds max, int random) {
  milliseconds pause = first;
  for (int done = 1; done < attempt && pause < max; ++done) pause *= 2;
  pause = std::min(pause, max);
  return pause * (800 + random * 2 / 5) / 1'000;
}

}  // namespace howdah::control
