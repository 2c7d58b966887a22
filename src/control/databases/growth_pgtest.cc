// SPDX-License-Identifier: Apache-2.0
// What is asked again and again must not grow with the databases that sleep: each sweep and each
// page of a list is run with some and with ten times as many rows, and must read as few of them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "control/databases/database_store.h"
#include "control/databases/reconciler_store.h"
#include "control/firewall/denied_store.h"
#include "control/firewall/firewall_store.h"
#include "control/jobs/job_store.h"
#include "control/jobs/schedule_store.h"
#include "control/operations/operation_store.h"
#include "control/principal.h"
#include "control/stats/stats_store.h"
#include "control/test_catalog.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

constexpr int kFew = 400;
constexpr int kMany = 4'000;
constexpr std::size_t kPage = 50;
// Of one statement: a page with its joins, and what a btree's descent meets by chance.
constexpr std::int64_t kReadsMax = 6 * kPage;

class GrowthTest : public testing::CatalogTest {
 protected:
  // Databases from `first` to `last`, asleep, each with its branch, a finished job and operation,
  // ten samples of statistics, a removed firewall rule and a refused address.
  void fill(int first, int last) {
    sql(fmt::format(
        R"(CREATE TEMP TABLE fill ON COMMIT DROP AS
             SELECT n, md5('d' || n)::uuid AS id, md5('b' || n)::uuid AS branch_id,
                    timestamptz '2026-01-01 00:00Z' + n * interval '1 min' AS at
             FROM generate_series({}, {}) AS n;
           INSERT INTO howdah.databases (id, slug, friendly_name, owner_email, status, created_at)
             SELECT id, lpad(n::text, 8, '0'), 'x', 'a@b.c', 'suspended', at FROM fill;
           INSERT INTO howdah.branches (id, database_id, status, instance_id, created_at)
             SELECT branch_id, id, 'suspended', 'i-' || lpad(n::text, 12, '0'), at FROM fill;
           INSERT INTO howdah.jobs (id, kind, state, due_at, finished_at)
             SELECT id, 'work', 'finished', at, now() FROM fill;
           INSERT INTO howdah.operations (id, title, database_id, created_at)
             SELECT id, 'x', id, at FROM fill;
           INSERT INTO howdah.database_stats (branch_id, database_id, at, size_bytes,
                                              active_connections)
             SELECT branch_id, id, now() - k * interval '1 min', 1, 0
             FROM fill, generate_series(1, 10) AS k;
           INSERT INTO howdah.firewall_rules (database_id, network, ip_address, removed_at)
             SELECT id, '192.0.2.1', '192.0.2.1', now() FROM fill;
           INSERT INTO howdah.denied_attempts (database_id, branch_id, address, direct_count,
                                               pooled_count, first_at, last_at)
             SELECT id, branch_id, '192.0.2.1', 1, 0, now(), now() FROM fill;
           ANALYZE)",
        first, last));
  }

  std::int64_t reads() {
    return std::stoll(
        ask("SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::text "
            "FROM pg_stat_user_tables WHERE schemaname = 'howdah'"));
  }
  // Rows that `statement` fetches. Sessions report what they read when they end.
  std::int64_t reads_of(const std::function<void()>& statement) {
    reopen();
    const std::int64_t before = reads();
    statement();
    reopen();
    return reads() - before;
  }
  void reopen() {
    catalog.close();
    expect(run(catalog.open(place(), embedded_migrations(), milliseconds{10'000})));
  }

  using Statements = std::map<std::string, std::function<void()>>;
  Statements statements() {
    const job_store::Taking taking{.owner = "00000000-0000-0000-0000-000000000001",
                                   .lease = 1s,
                                   .limit = 10,
                                   .kinds = {"work"}};
    const DatabaseId one("11111111-1111-4111-8111-111111111111");
    const Page page{.limit = kPage};
    return {
        {"take jobs", [=, this] { expect(run(job_store::take(catalog.pool(), taking))); }},
        {"next job", [=, this] { expect(run(job_store::until_next_due(catalog.pool(), taking))); }},
        {"next schedule", [this] { expect(run(schedule_store::until_next_due(catalog.pool()))); }},
        {"what is awake", [this] { expect(run(stats_store::branches(catalog.pool()))); }},
        {"old samples",
         [this] { expect(run(stats_store::prune(catalog.pool(), std::chrono::days{30}))); }},
        {"changes", [this] { expect(run(reconciler_store::inventory_version(catalog.pool()))); }},
        {"half-made", [this] { expect(run(reconciler_store::half_made(catalog.pool(), 15s))); }},
        {"missing", [this] { expect(run(reconciler_store::missing(catalog.pool(), {}))); }},
        {"purgeable", [this] { expect(run(reconciler_store::purgeable(catalog.pool()))); }},
        {"old rules",
         [this] { expect(run(firewall_store::prune(catalog.pool(), std::chrono::days{7}))); }},
        {"refused addresses",
         [=, this] { expect(run(denied_store::list(catalog.pool(), one, page))); }},
        {"databases",
         [=, this] {
           expect(run(database_store::list(catalog.pool(),
                                           {.organisation_id = kDefaultOrganisation}, page)));
         }},
        {"operations", [=, this] { expect(run(operation_store::list(catalog.pool(), page, {}))); }},
    };
  }
};

TEST_F(GrowthTest, what_is_asked_again_and_again_reads_no_more_with_ten_times_the_databases) {
  fill(1, kFew);
  std::map<std::string, std::int64_t> few;
  for (const auto& [name, statement] : statements()) few[name] = reads_of(statement);
  fill(kFew + 1, kMany);
  for (const auto& [name, statement] : statements()) {
    const std::int64_t many = reads_of(statement);
    EXPECT_LE(many, kReadsMax) << name << ": " << few[name] << " rows read of " << kFew
                               << " databases, " << many << " of " << kMany;
  }
}

// The control: what does read all of them is seen.
TEST_F(GrowthTest, a_statement_that_reads_everything_is_noticed) {
  fill(1, kMany);
  EXPECT_GE(reads_of([this] { expect(run(database_store::count_by_status(catalog.pool()))); }),
            kMany);
}

}  // namespace
}  // namespace howdah::control
