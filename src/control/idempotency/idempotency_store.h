// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>

#include "base/id.h"
#include "pg/pool.h"

namespace howdah::control::idempotency_store {

struct Attempt {
  OrganisationId organisation_id;
  std::string caller;
  std::string key;
  std::string hash;  // 32 bytes
};

struct Kept {
  std::string id;      // UUID
  bool fresh = false;  // made by this call; nothing else is set then
  std::string hash;
  std::optional<OperationId> job_id;
  std::string subject;
  std::string sealed_response;  // empty: unfinished
};
// Makes the row where there is none, or only one that is over its time.
Task<Kept> begin(pg::Pool& pool, Attempt attempt);

struct Answer {
  int status = 0;
  std::string sealed_response;
  bool unless_tied = false;  // not for a request whose job goes on
};
Task<void> finish(pg::Pool& pool, std::string id, Answer answer);
// Forgets a request that left nothing behind; one that did stays.
Task<void> forget(pg::Pool& pool, std::string id);

Task<std::int64_t> count(pg::Connection& connection);
// Forgets what is over its time.
Task<void> prune(pg::Connection& connection);

}  // namespace howdah::control::idempotency_store
