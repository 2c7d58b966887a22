// SPDX-License-Identifier: Apache-2.0
// What keeps a tenant's SQL in its place, beyond the rights that its role lacks: made in every
// template, and in instances of an earlier Howdah before their next first client.
//
// - A guard in every logical database, template0 and template1 included, refuses CREATE EXTENSION
//   for what is not on the allow list (model/allowed_extensions.h), trusted by the server or not.
//   An event trigger of howdah_admin in pg_catalog; only a superuser could change or pass it. It
//   belongs to the extension plpgsql, so that no dump of a tenant's contains it.
// - howdah_monitor: sees sizes and counters, no row and no statement; may enter `postgres` only.
// - `postgres` and the templates belong to nobody: no schema, table or large object of a tenant's.
// docs/adr/2026-11-21-guard-of-extensions.md, docs/adr/2026-11-21-platform-sessions-and-monitor.md.
#pragma once
#include <string>

#include "instance/place.h"
#include "net/task.h"

namespace howdah::instance {

// Names all that harden() does: when any of it changes, so does the name.
std::string hardening_id();

// Does it in every logical database, or again: what is there already stays. Nobody is locked out
// meanwhile. Errors: those of the first logical database where it did not work; the others have it.
// Cost: a connection for each logical database, some 5 ms.
Task<void> harden(const InstancePlace& place);

}  // namespace howdah::instance
