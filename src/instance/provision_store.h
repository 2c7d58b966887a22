// SPDX-License-Identifier: Apache-2.0
// The platform's own SQL inside instances. Everything runs as howdah_admin in the logical database
// `postgres`, with search_path = pg_catalog, and calls nothing that a tenant can define.
#pragma once
#include <string>

#include "instance/place.h"
#include "net/task.h"
#include "pg/connection.h"

namespace howdah::instance {

// Options of a connection as howdah_admin to an instance.
pg::ConnectOptions admin_options(const InstancePlace& place, std::string database = "postgres");

// In a fresh cluster: owner role and the two logical databases of the template, and the rights that
// every instance starts with.
Task<void> fill_template(const InstancePlace& place, int pg_major);

// In a clone of the template: gives role and logical databases the names of the slug, all or none.
// Done already: success. Cost: one transaction, no copy.
Task<void> take_slug(const InstancePlace& place, std::string slug);

// The platform's own transactions write also where default_transaction_read_only is on.
Task<void> let_platform_write(const InstancePlace& place);

// Ends the sessions of tenants whose transaction has written, or that spill to temporary files.
// Whoever only reads goes on. Returns how many.
Task<std::int64_t> end_growing_sessions(const InstancePlace& place);

}  // namespace howdah::instance
