// SPDX-License-Identifier: Apache-2.0
// SQL of organisations.
#pragma once
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/id.h"
#include "pg/pool.h"

namespace howdah::control {

using Cap = std::optional<std::int64_t>;  // empty: none

struct Organisation {
  OrganisationId id;
  std::string name;
  std::string firewall_default;  // open, closed
  Cap databases_max;
  Cap branches_max;
  Cap storage_bytes_max;
  Timestamp created_at;
};

// What is not given stays as it is.
struct OrganisationChange {
  std::optional<std::string> firewall_default;
  std::optional<Cap> databases_max;
  std::optional<Cap> branches_max;
  std::optional<Cap> storage_bytes_max;
};

namespace organisation_store {

// Errors: not_found.
Task<Organisation> find(pg::Pool& pool, OrganisationId id);
// As find(), locked until the end of the transaction.
Task<Organisation> lock(pg::Connection& connection, OrganisationId id);
// name and created_at are left alone.
Task<void> update(pg::Connection& connection, Organisation organisation);

struct Room {
  Cap databases_max;
  std::int64_t databases = 0;  // without deleted ones; nothing is counted where there is no cap
  Cap branches_max;
  std::int64_t branches = 0;
  Cap storage_bytes_max;
  std::int64_t storage_bytes = 0;  // limits, and measured sizes where there is no limit
};
// Locks the organisation's row where it has any cap.
Task<Room> lock_room(pg::Connection& connection, OrganisationId id);

}  // namespace organisation_store
}  // namespace howdah::control
