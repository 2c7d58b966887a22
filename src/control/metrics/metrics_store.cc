// SPDX-License-Identifier: Apache-2.0
#include "control/metrics/metrics_store.h"

namespace howdah::control::metrics_store {

Task<Counts> unfinished_jobs(pg::Pool& pool) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await pool.query("SELECT state, count(*) AS n FROM howdah.jobs "
                                    "WHERE state IN ('scheduling', 'running', 'cancelling') "
                                    "GROUP BY state ORDER BY state"));
  Counts counts;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    counts.emplace_back(rows.text(row, "state"), rows.integer(row, "n"));
  }
  co_return counts;
}

}  // namespace howdah::control::metrics_store
