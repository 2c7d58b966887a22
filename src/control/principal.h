// SPDX-License-Identifier: Apache-2.0
// Who makes a call, as authentication found out. Handlers pass it on to the audit log.
#pragma once
#include <optional>
#include <string>

#include "base/id.h"

namespace howdah::control {

// The one organisation of the first release (sql/0001_initial.sql inserts it).
inline const OrganisationId kDefaultOrganisation{"00000000-0000-4000-8000-000000000001"};

// Each includes the ones before it.
enum class Scope { read, write, admin };

struct Principal {
  std::string actor;  // for the audit log: "key:k3v9x2ab", "local:root", "system:jobs"
  Scope scope = Scope::read;
  OrganisationId organisation_id = kDefaultOrganisation;
  std::optional<DatabaseId> database_id;  // a key that reaches this one database only
  bool local = false;                     // a trusted uid on the control socket
  std::string key_id;                     // empty: came without a key
  std::string remote_address;             // empty: local, or Howdah itself
  std::string request_token;              // of its Idempotency-Key (idempotency/effect.h)
};

// Howdah itself. component: "jobs", "reconciler".
inline Principal system_principal(const std::string& component) {
  Principal principal;
  principal.actor = "system:" + component;
  principal.scope = Scope::admin;
  return principal;
}

}  // namespace howdah::control
