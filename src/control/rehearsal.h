// SPDX-License-Identifier: Apache-2.0
// Doing something in the catalog and taking it back: how ?dry_run=true finds the very errors that
// the real call would have.
#pragma once
#include <functional>

#include "pg/pool.h"

namespace howdah::control {

// BEGIN, body, ROLLBACK. Errors: those of body. body has no effect outside the connection.
template <typename T>
Task<T> rehearse(pg::Pool& pool, std::function<Task<T>(pg::Connection&)> body) {
  HOWDAH_CO_TRY(pg::Pool::Lease lease, co_await pool.acquire());
  HOWDAH_CO_CHECK(co_await lease->script("BEGIN"));
  Result<T> result = co_await body(*lease);
  if (!lease->broken()) (void)co_await lease->script("ROLLBACK");
  co_return result;
}

}  // namespace howdah::control
