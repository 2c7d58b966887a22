// SPDX-License-Identifier: Apache-2.0
// Seals every value of the catalog again that another key than the current one has sealed.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "control/secrets/vault.h"
#include "pg/pool.h"

namespace howdah::control {

struct Rewrapped {
  std::int64_t sealed = 0;                // anew
  std::int64_t broken = 0;                // no key of the ring opens them; left as they are
  std::vector<std::string> broken_names;  // the first few
};

// May be cut off anywhere and begun again: each value has either its old blob or its new one, and
// the ring opens both. Values that are written meanwhile may be missed; whoever wants none left
// looks again.
// go_on: called with the number of values done after each batch; false stops it.
// Cost: reads every row that may hold a sealed value; two statements for each 200 values.
Task<Rewrapped> rewrap(pg::Pool& pool, const Vault& vault,
                       std::function<bool(std::int64_t)> go_on = {});

// For an error or a log line: "2 sealed values cannot be opened: credentials.sealed_password of row
// ..., ...". Empty: there are none.
std::string describe_broken(const Rewrapped& rewrapped);

}  // namespace howdah::control
