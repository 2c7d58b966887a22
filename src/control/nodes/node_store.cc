// SPDX-License-Identifier: Apache-2.0
#include "control/nodes/node_store.h"

namespace howdah::control::node_store {

Task<void> save(pg::Pool& pool, nodeapi::NodeStatus status, std::string boot_id) {
  std::string majors = "{";
  for (const auto& one : status.postgres) {
    majors += (majors.size() > 1 ? "," : "") + std::to_string(one.major);
  }
  HOWDAH_CO_CHECK(co_await pool.query(
      R"(INSERT INTO howdah.nodes AS n (id, agent_version, volume_driver, pg_majors,
           pg_major_default, journal_boot_id, last_seen_at)
         VALUES ($1, $2, $3, $4::integer[], $5, $6, now())
         ON CONFLICT (id) DO UPDATE SET agent_version = excluded.agent_version,
           volume_driver = excluded.volume_driver, pg_majors = excluded.pg_majors,
           pg_major_default = excluded.pg_major_default,
           journal_boot_id = excluded.journal_boot_id, last_seen_at = now(),
           state = CASE WHEN n.state = 'lost' THEN 'active' ELSE n.state END)",
      {pg::param(status.node_id.str()), pg::param(status.version), pg::param(status.volume_driver),
       pg::param(majors + "}"), pg::param(status.pg_major_default), pg::param(boot_id)}));
  co_return Result<void>{};
}

}  // namespace howdah::control::node_store
