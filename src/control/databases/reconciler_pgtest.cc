// SPDX-License-Identifier: Apache-2.0
#include "control/databases/reconciler.h"

#include "control/api_keys/api_keys.h"
#include "control/routing/publisher.h"
#include "control/test_catalog.h"
#include "control/test_node.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;

class ReconcilerTest : public testing::CatalogTest {
 protected:
  static constexpr const char* kDatabase = "11111111-1111-4111-8111-111111111111";
  static constexpr const char* kBranch = "22222222-2222-4222-8222-222222222222";

  // Everything a feature is given, without a running service: no loop interferes.
  void SetUp() override {
    CatalogTest::SetUp();
    for (const char* name : {"secrets", "tls"}) {
      std::filesystem::create_directories(folder.path() / name);
    }
    config.data_dir = config.runtime_dir = folder.path();
    vault.emplace(Vault::open(folder.path() / "secrets").value());
    tls.emplace(TlsFiles::open(folder.path(), {"localhost"}, now()).value());
    audit.emplace(run(AuditLog::open(catalog.pool(), *vault)).value());
    keys.emplace(catalog.pool(), *audit, std::set<uid_t>{}, folder.path() / "session-keys.json");
    jobs.emplace(io.get_executor(), catalog);
    platform.emplace(Platform{io.get_executor(), blocking, config, client, catalog, *vault, *tls,
                              *audit, *jobs, *keys, changes});
    routes.emplace(*platform);
    deleting.emplace(*platform, *routes);
    deleting->add_to(*jobs);
    reconciler.emplace(*platform, *deleting);
  }

  // One look, with the node answering meanwhile.
  Result<void> look(std::chrono::seconds grace = 0s) { return run(look_and_pause(grace)); }
  Task<void> look_and_pause(std::chrono::seconds grace) {
    node.serve((folder.path() / "node.sock").string());
    auto looked = co_await reconciler->look(grace);
    co_await node.stop();
    co_return looked;
  }
  Result<void> look_if_changed() { return run(look_if_changed_and_pause()); }
  Task<void> look_if_changed_and_pause() {
    node.serve((folder.path() / "node.sock").string());
    auto looked = co_await reconciler->look_if_changed(0s);
    co_await node.stop();
    co_return looked;
  }
  void add_database(const std::string& status, const std::string& more = "now() - interval '1 h'") {
    const bool deleted = status == "deleted";
    sql(fmt::format(
        "INSERT INTO howdah.databases (id, slug, friendly_name, owner_email, status, created_at, "
        "deleted_at, purge_after, paused_at, purge_after_elapsed_s) VALUES ('{0}', {2}, 'x', "
        "'a@b.c', '{1}', {3}, {4}, {4} + interval '7 d', {7}, 604800); INSERT INTO howdah.branches "
        "(id, database_id, status, instance_id, "
        "deleted_at) VALUES ('{5}', '{0}', '{8}', {6}, {4})",
        kDatabase, status, status == "creating" ? "NULL" : "'abcd1234'", more,
        deleted ? "now()" : "NULL::timestamptz", kBranch,
        status == "creating" ? "NULL" : "'i-000000000001'",
        status == "paused" ? "now()" : "NULL::timestamptz",
        status == "paused" ? "active" : status));
  }

  Config config;
  std::optional<Vault> vault;
  std::optional<TlsFiles> tls;
  std::optional<AuditLog> audit;
  std::optional<ApiKeys> keys;
  std::optional<JobEngine> jobs;
  nodeapi::Client client{io.get_executor(), (folder.path() / "node.sock").string()};
  Changes changes;
  std::optional<Platform> platform;
  std::optional<RoutePublisher> routes;
  std::optional<DeleteJob> deleting;
  std::optional<Reconciler> reconciler;
  testing::FakeNode node{io.get_executor(), server().connect_options()};
};

TEST_F(ReconcilerTest, what_fits_is_left_alone) {
  node.add(kBranch);
  node.add("");  // a spare
  add_database("active");
  expect(look());
  expect(look());
  EXPECT_EQ(node.instances.size(), 2U);
  EXPECT_EQ(node.instances.begin()->second.state, nodeapi::InstanceState::running);
  EXPECT_EQ(ask("SELECT status FROM howdah.databases"), "active");
}

// However many databases sleep, and wake: nothing is walked over that stays what it is.
TEST_F(ReconcilerTest, nothing_is_compared_while_nothing_changes) {
  node.add(kBranch);
  add_database("suspended");
  const auto comparisons = [&] {
    expect(look_if_changed());
    return reconciler->comparisons();
  };
  EXPECT_EQ(comparisons(), 1);
  EXPECT_EQ(comparisons(), 1);
  sql("UPDATE howdah.branches SET status = 'active'; UPDATE howdah.databases SET status = "
      "'active'");
  EXPECT_EQ(comparisons(), 1) << "it woke";
  sql("UPDATE howdah.databases SET max_connections = 7");
  EXPECT_EQ(comparisons(), 2);
  node.add("33333333-3333-4333-8333-333333333333");
  EXPECT_EQ(comparisons(), 3);
  EXPECT_EQ(comparisons(), 3);
}

TEST_F(ReconcilerTest, an_instance_without_any_trace_is_stopped_and_its_data_kept) {
  node.add("33333333-3333-4333-8333-333333333333");
  expect(look(60s));
  EXPECT_EQ(node.instances.begin()->second.state, nodeapi::InstanceState::running)
      << "it may be a claim of this moment";
  expect(look());
  ASSERT_EQ(node.instances.size(), 1U);
  EXPECT_EQ(node.instances.begin()->second.state, nodeapi::InstanceState::stopped);
  EXPECT_EQ(reconciler->orphans(), 1U);
}

TEST_F(ReconcilerTest, an_instance_of_a_create_that_was_given_up_is_removed) {
  node.add(kBranch);
  sql(
      fmt::format("INSERT INTO howdah.jobs (kind, payload, state, finished_at) VALUES "
                  "('database.create', '{{\"branch_id\": \"{}\"}}', 'failed', now())",
                  kBranch));
  expect(look());
  EXPECT_TRUE(node.instances.empty());
}

TEST_F(ReconcilerTest, an_instance_whose_create_goes_on_is_left_alone) {
  node.add(kBranch);
  sql(
      fmt::format("INSERT INTO howdah.jobs (kind, payload, due_at) VALUES "
                  "('database.create', '{{\"branch_id\": \"{}\"}}', now() + interval '1 h')",
                  kBranch));
  expect(look());
  expect(look());
  EXPECT_EQ(node.instances.begin()->second.state, nodeapi::InstanceState::running);
}

TEST_F(ReconcilerTest, a_half_made_database_that_no_job_will_finish_is_taken_back) {
  node.add(kBranch);
  add_database("creating");
  expect(look());
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.databases"), "0");
  EXPECT_TRUE(node.instances.empty());
  EXPECT_EQ(ask("SELECT action FROM howdah.audit_logs"), "database.create_failed");
}

TEST_F(ReconcilerTest, a_half_made_database_with_a_job_or_a_young_one_is_left_alone) {
  add_database("creating");
  sql(
      fmt::format("INSERT INTO howdah.jobs (kind, exclusive_key, due_at) VALUES "
                  "('database.create', 'database:{}', now() + interval '1 h')",
                  kDatabase));
  expect(look());
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.databases"), "1");
  sql("DELETE FROM howdah.jobs; UPDATE howdah.databases SET created_at = now()");
  expect(look(60s));
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.databases"), "1");
}

TEST_F(ReconcilerTest, an_instance_of_a_deleted_database_that_runs_is_stopped) {
  node.add(kBranch);
  add_database("deleted");
  expect(look());
  EXPECT_EQ(node.instances.begin()->second.state, nodeapi::InstanceState::stopped);
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.jobs"), "0") << "its date has not come";
}

TEST_F(ReconcilerTest, a_purge_is_queued_once_when_the_date_has_come) {
  add_database("deleted");
  sql("UPDATE howdah.databases SET purge_after = now() - interval '1 s', "
      "purge_after_elapsed_s = 0");
  expect(look());
  expect(look());
  EXPECT_EQ(ask("SELECT string_agg(kind, ',') FROM howdah.jobs"), "database.purge");
}

// What a wall clock that jumps makes of a tombstone: its date has come, its time has not.
TEST_F(ReconcilerTest, a_clock_that_jumped_ahead_purges_nothing) {
  add_database("deleted");
  sql("UPDATE howdah.databases SET purge_after = now() - interval '400 d'");
  expect(look());
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.jobs"), "0");
  sql("UPDATE howdah.databases SET purge_after_elapsed_s = 0, purge_after = now() + "
      "interval '400 d'");
  expect(look());
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.jobs"), "0") << "nor does one that jumped back";
}

TEST_F(ReconcilerTest, elapsed_time_goes_on_while_a_deleted_database_waits) {
  expect(look());
  EXPECT_EQ(ask("SELECT boot_id FROM howdah.elapsed_time"), "") << "nothing to wait for";
  add_database("deleted");
  expect(look());
  EXPECT_NE(ask("SELECT boot_id FROM howdah.elapsed_time"), "");
  EXPECT_EQ(ask("SELECT elapsed_s < 600 FROM howdah.elapsed_time"), "t");
}

TEST_F(ReconcilerTest, an_instance_of_a_paused_database_that_runs_is_stopped_and_stays_so) {
  node.add(kBranch);
  add_database("paused");
  expect(look());
  const nodeapi::Instance& instance = node.instances.begin()->second;
  EXPECT_EQ(instance.state, nodeapi::InstanceState::stopped);
  EXPECT_TRUE(instance.paused) << "the node itself refuses to start it";
}

TEST_F(ReconcilerTest, settings_that_never_reached_the_node_are_brought_there) {
  node.add(kBranch);
  add_database("active");
  sql("UPDATE howdah.databases SET max_connections = 50, suspend_after_s = 7, "
      "size_class = 'small', settings = '{\"work_mem\": \"64MB\"}'");
  expect(look());
  const nodeapi::Instance& instance = node.instances.begin()->second;
  EXPECT_EQ(instance.max_connections, 50);
  EXPECT_EQ(instance.suspend_after_s, 7);
  EXPECT_EQ(instance.size_class, "small");
  EXPECT_EQ(instance.settings.at("work_mem"), "64MB");
  EXPECT_EQ(instance.state, nodeapi::InstanceState::running) << "at its next start";
}

}  // namespace
}  // namespace howdah::control
