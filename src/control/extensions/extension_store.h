// SPDX-License-Identifier: Apache-2.0
// The SQL of extensions, inside instances and in the catalog.
//
// Inside an instance everything runs as the platform's superuser with search_path = pg_catalog, and
// no name that a tenant could have defined is ever looked up:
// - An extension's script runs with its target schema in search_path, so functions and operators
//   that a tenant put there would be called with the platform's rights. Therefore it is made in a
//   schema that is new in the same transaction, nobody else can see, and goes with it; the finished
//   extension is then moved to where it is wanted. What it requires is moved there and back with
//   it.
// - What the server calls trusted is made in the name of the logical database's owner, as if that
//   one had said CREATE EXTENSION, and belongs to it. Anything else belongs to the platform.
// - Never CASCADE, in neither direction. Names are quoted by pg::quote_identifier.
#pragma once
#include <string>

#include "base/id.h"
#include "control/extensions/extension.h"
#include "pg/pool.h"

namespace howdah::control::extension_store {

// What is there and what is installed, in the logical databases that belong to a tenant's role (at
// most kDatabasesMax). Cost: one connection each. Errors: unavailable, timeout.
inline constexpr std::int64_t kDatabasesMax = 50;
Task<ExtensionView> look(std::string socket_directory);

struct Place {
  std::string socket_directory;
  std::string database;  // logical
};
// Errors: not_found (no such logical database or schema of a tenant's), conflict (installed
// already; a name of it is taken in the schema; what it requires is missing), unsupported (the
// server has no such extension, or one that cannot be moved), timeout when the tenant holds locks.
Task<void> install(Place place, NewExtension wanted);
// Errors: not_found; conflict naming what depends on it.
Task<void> remove(Place place, std::string name);

Task<void> save(pg::Pool& catalog, BranchId branch, ExtensionView view);
Task<ExtensionView> last(pg::Pool& catalog, BranchId branch);

}  // namespace howdah::control::extension_store
