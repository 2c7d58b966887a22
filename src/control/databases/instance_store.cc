// SPDX-License-Identifier: Apache-2.0
#include "control/databases/instance_store.h"

#include "control/databases/database.h"

namespace howdah::control::instance_store {

Task<std::vector<Wanted>> wanted(pg::Pool& pool, std::optional<DatabaseId> only) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await pool.query(
                                         R"(SELECT b.instance_id,
               coalesce(b.suspend_after_s, d.suspend_after_s) AS suspend_after_s,
               coalesce(b.max_connections, d.max_connections) AS max_connections,
               coalesce(b.size_class, d.size_class) AS size_class, d.settings,
               coalesce(d.storage_limit_bytes, 0) AS storage_limit_bytes,
               d.status IN ('paused', 'deleted') OR b.status IN ('paused', 'deleted') AS paused
             FROM howdah.branches b JOIN howdah.databases d ON d.id = b.database_id
             WHERE b.instance_id IS NOT NULL AND b.status <> 'creating' AND d.status <> 'creating'
               AND d.kind = 'managed' AND ($1::uuid IS NULL OR d.id = $1))",
                                         {only ? pg::param(only->str()) : pg::Value()}));
  std::vector<Wanted> all;
  all.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Wanted one;
    one.instance_id = InstanceId(rows.text(row, "instance_id"));
    one.settings.suspend_after_s = rows.integer(row, "suspend_after_s");
    one.settings.max_connections = rows.integer(row, "max_connections");
    const std::string size_class = rows.text(row, "size_class");
    if (!size_class.empty()) one.settings.size_class = size_class;
    one.settings.storage_limit_bytes = rows.integer(row, "storage_limit_bytes");
    one.settings.settings = settings_from_text(rows.text(row, "settings"));
    one.settings.paused = rows.boolean(row, "paused");
    all.push_back(std::move(one));
  }
  co_return all;
}

}  // namespace howdah::control::instance_store
