// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <fstream>

#include "control/test_catalog.h"

namespace howdah::control {
namespace {

class CatalogOpen : public testing::CatalogTest {
 protected:
  Catalog again{io.get_executor(), blocking, DumpFolders{folder.path() / "dumps", {}}};

  Result<void> open_again(const std::vector<Migration>& migrations) {
    return run(again.open(place(), migrations, milliseconds{10'000}));
  }
  static std::vector<Migration> with_one_more(std::string text) {
    std::vector<Migration> migrations = embedded_migrations();
    migrations.push_back(
        {static_cast<int>(migrations.size()) + 1, "next", std::move(text), "checksum"});
    return migrations;
  }
  std::size_t dumps() const { return list_dumps(folder.path() / "dumps").value().size(); }
};

TEST_F(CatalogOpen, makes_the_database_and_every_migration) {
  EXPECT_TRUE(catalog.created());
  EXPECT_EQ(catalog.pg_major(), 15);
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.schema_migrations"),
            std::to_string(embedded_migrations().size()));
  EXPECT_EQ(dumps(), 0u);  // there was nothing to lose
}

TEST_F(CatalogOpen, repeats_without_doing_anything) {
  expect(open_again(embedded_migrations()));
  EXPECT_FALSE(again.created());
  EXPECT_EQ(dumps(), 0u);
}

TEST_F(CatalogOpen, dumps_before_it_migrates_a_catalog_that_holds_something) {
  expect(open_again(with_one_more("CREATE TABLE howdah.extra (id integer)")));
  EXPECT_EQ(dumps(), 1u);
  EXPECT_EQ(ask("SELECT to_regclass('howdah.extra') IS NOT NULL"), "t");
}

TEST_F(CatalogOpen, refuses_a_catalog_of_a_newer_version) {
  expect(open_again(with_one_more("CREATE TABLE howdah.extra (id integer)")));
  const auto refused = open_again(embedded_migrations());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

TEST_F(CatalogOpen, refuses_a_migration_that_was_changed_after_it_was_applied) {
  std::vector<Migration> changed = embedded_migrations();
  changed.front().checksum = "another";
  const auto refused = open_again(changed);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::internal);
}

TEST_F(CatalogOpen, takes_back_a_migration_that_fails_half_way) {
  const auto failed =
      open_again(with_one_more("CREATE TABLE howdah.extra (id integer); SELECT 1 / 0"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(ask("SELECT to_regclass('howdah.extra') IS NULL"), "t");
  EXPECT_EQ(ask("SELECT count(*) FROM howdah.schema_migrations"),
            std::to_string(embedded_migrations().size()));
}

TEST_F(CatalogOpen, leaves_the_old_catalog_as_it_was_when_the_last_of_several_migrations_fails) {
  auto migrations = with_one_more("CREATE TABLE howdah.extra (id integer)");
  migrations.push_back({migrations.back().version + 1, "broken", "SELECT 1 / 0", "checksum"});
  const auto failed = open_again(migrations);
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().hint.find("nothing was changed"), std::string::npos);
  EXPECT_EQ(ask("SELECT to_regclass('howdah.extra') IS NULL"), "t");
  EXPECT_EQ(dumps(), 1u);
  expect(open_again(embedded_migrations()));
}

TEST_F(CatalogOpen, two_at_once_migrate_once) {
  drop();
  using namespace asio::experimental::awaitable_operators;
  const auto both = [](Catalog& first, Catalog& second, CatalogPlace where) -> Task<void> {
    auto [a, b] = co_await (first.open(where, embedded_migrations(), milliseconds{10'000}) &&
                            second.open(where, embedded_migrations(), milliseconds{10'000}));
    HOWDAH_CO_CHECK(a);
    co_return b;
  };
  expect(run(both(catalog, again, place())));
  EXPECT_NE(catalog.created(), again.created());
}

TEST_F(CatalogOpen, waits_for_a_catalog_that_is_starting_and_says_so_when_it_never_comes) {
  CatalogPlace nowhere = place();
  nowhere.socket_directory = folder.path();
  const auto failed = run(again.open(nowhere, embedded_migrations(), milliseconds{150}));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::timeout);
}

TEST_F(CatalogOpen, survives_a_restart_of_the_catalog) {
  expect(run(catalog.check(milliseconds{1'000})));
  server().stop(SIGINT);
  const auto gone = run(catalog.check(milliseconds{1'000}));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, ErrorCode::unavailable);
  server().start();
  expect(run(catalog.check(milliseconds{1'000})));
}

// The model.

class CatalogModel : public testing::CatalogTest {
 protected:
  Result<void> attempt(std::string text) {
    return run(script(std::string(Catalog::kDatabase), std::move(text)));
  }
  void make_database() {
    sql("INSERT INTO howdah.databases (friendly_name, owner_email) VALUES ('shop', 'a@b.c')");
  }
};

TEST_F(CatalogModel, views_of_the_older_names_are_there_without_secrets) {
  for (const char* view :
       {"databases", "ip_whitelist", "api_keys", "audit_logs", "database_stats"}) {
    EXPECT_EQ(ask(fmt::format("SELECT count(*) FROM public.{}", view)), "0") << view;
  }
  EXPECT_EQ(ask("SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' "
                "AND (column_name LIKE 'sealed%' OR column_name LIKE '%hash%' "
                "OR column_name = 'verifier')"),
            "0");
}

TEST_F(CatalogModel, every_table_of_an_organisation_says_which) {
  EXPECT_EQ(ask("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class c "
                "WHERE relkind = 'r' AND relnamespace = 'howdah'::regnamespace "
                "AND NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid "
                "AND attname = 'organisation_id')"),
            "audit_base audit_head elapsed_time operation_events operation_steps organisations "
            "schema_migrations state_transitions");
}

TEST_F(CatalogModel, every_foreign_key_has_an_index) {
  EXPECT_EQ(ask("SELECT string_agg(conrelid::regclass::text || ' ' || conname, ', ') "
                "FROM pg_constraint f WHERE contype = 'f' "
                "AND connamespace = 'howdah'::regnamespace "
                "AND confrelid <> 'howdah.organisations'::regclass "
                "AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = f.conrelid "
                "AND i.indkey[0] = f.conkey[1])"),
            "");
}

TEST_F(CatalogModel, a_state_changes_only_as_the_rules_allow) {
  make_database();
  const auto early = attempt("UPDATE howdah.databases SET status = 'suspended'");
  EXPECT_FALSE(early);
  expect(attempt("UPDATE howdah.databases SET status = 'active', slug = 'k3v9x2ab'"));
  const auto back = attempt("UPDATE howdah.databases SET status = 'creating'");
  ASSERT_FALSE(back);
  EXPECT_EQ(pg::sqlstate(back.error()), "55000");
}

TEST_F(CatalogModel, an_active_database_has_a_slug) {
  make_database();
  EXPECT_FALSE(attempt("UPDATE howdah.databases SET status = 'active'"));
}

TEST_F(CatalogModel, a_change_counts_the_version_but_sleeping_does_not) {
  make_database();
  sql("UPDATE howdah.databases SET status = 'active', slug = 'k3v9x2ab'");
  EXPECT_EQ(ask("SELECT version FROM howdah.databases"), "2");
  sql("UPDATE howdah.databases SET status = 'suspended', status_reason = 'idle'");
  EXPECT_EQ(ask("SELECT version FROM howdah.databases"), "2");
  sql("UPDATE howdah.databases SET friendly_name = 'store'");
  EXPECT_EQ(ask("SELECT version FROM howdah.databases"), "3");
}

TEST_F(CatalogModel, a_sealed_branch_has_a_reason) {
  make_database();
  EXPECT_FALSE(
      attempt("INSERT INTO howdah.branches (database_id, route_state) "
              "SELECT id, 'sealed' FROM howdah.databases"));
}

TEST_F(CatalogModel, a_generation_of_a_credential_is_there_once_also_without_a_branch) {
  make_database();
  sql("INSERT INTO howdah.roles (database_id, name) SELECT id, 'user_k3v9x2ab' "
      "FROM howdah.databases");
  const std::string insert =
      "INSERT INTO howdah.credentials (database_id, role_id, generation, verifier) "
      "SELECT database_id, id, {}, 'SCRAM-SHA-256$x' FROM howdah.roles";
  sql(fmt::format(fmt::runtime(insert), 1));
  sql(fmt::format(fmt::runtime(insert), 2));
  EXPECT_FALSE(attempt(fmt::format(fmt::runtime(insert), 2)));
}

TEST_F(CatalogModel, the_audit_log_cannot_be_edited_by_accident) {
  sql("INSERT INTO howdah.audit_logs (position, at, organisation_id, actor, action, prev_hash, "
      "hash) "
      "SELECT 1, now(), id, 'a', 'b', hash, hash FROM howdah.organisations, howdah.audit_head");
  EXPECT_FALSE(attempt("DELETE FROM howdah.audit_logs"));
  EXPECT_FALSE(attempt("TRUNCATE howdah.audit_logs"));
}

// Dumps.

class CatalogDump : public testing::CatalogTest {
 protected:
  DumpFolders folders{folder.path() / "dumps", folder.path() / "copies"};
  DumpSource source{"/usr/lib/postgresql/15/bin", server().socket_directory(),
                    pg::testing::TestServer::kSuperuser, std::string(Catalog::kDatabase)};
  const Timestamp at = parse_rfc3339("2026-01-31T02:00:00.500Z").value();

  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folders.folder),
                      std::filesystem::directory_iterator()));
  }
};

TEST_F(CatalogDump, is_a_file_that_restores) {
  sql("INSERT INTO howdah.databases (friendly_name, owner_email) VALUES ('shop', 'a@b.c')");
  const auto facts = dump_catalog(source, folders, at);
  ASSERT_TRUE(facts) << facts.error().to_log();
  EXPECT_EQ(facts->path.filename(), "catalog-20260131T020000Z.dump");
  EXPECT_EQ(std::filesystem::status(facts->path).permissions(), std::filesystem::perms(0600));
  os::SpawnOptions restore;
  restore.arguments = {source.bin_directory + "/pg_restore",
                       "--host=" + source.socket_directory,
                       "--username=" + source.user,
                       "--dbname=postgres",
                       "--exit-on-error",
                       facts->path.string()};
  const auto output = os::run(restore, 60'000);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->exit_code, 0) << output->text;
  const auto rows = run(pg::Connection::open(server().connect_options("postgres")));
  ASSERT_TRUE(rows);
  expect(run(script("postgres", "DROP SCHEMA howdah CASCADE")));
}

TEST_F(CatalogDump, leaves_nothing_behind_when_it_fails) {
  source.database = "no_such_database";
  const auto failed = dump_catalog(source, folders, at);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::io_error);
  EXPECT_EQ(files(), 0u);
}

TEST_F(CatalogDump, of_nothing_is_not_taken_for_a_dump) {
  source.database = "template1";
  EXPECT_FALSE(dump_catalog(source, folders, at));
  EXPECT_EQ(files(), 0u);
}

TEST_F(CatalogDump, removes_what_a_killed_howdahd_left) {
  std::filesystem::create_directories(folders.folder);
  std::ofstream(folders.folder / "catalog-20260130T020000Z.dump.part") << "half";
  ASSERT_TRUE(dump_catalog(source, folders, at));
  EXPECT_EQ(files(), 1u);
}

TEST_F(CatalogDump, is_copied_to_the_second_place_where_that_exists) {
  std::filesystem::create_directories(folders.copy_folder);
  ASSERT_TRUE(dump_catalog(source, folders, at));
  EXPECT_TRUE(std::filesystem::exists(folders.copy_folder / "catalog-20260131T020000Z.dump"));
}

TEST_F(CatalogDump, one_at_a_time) {
  using namespace asio::experimental::awaitable_operators;
  const auto both = [](Catalog& target) -> Task<bool> {
    auto [first, second] = co_await (target.dump() && target.dump());
    HOWDAH_CO_CHECK(first);
    co_return !second && second.error().code == ErrorCode::conflict;
  };
  EXPECT_TRUE(run(both(catalog)).value_or(false));
}

class DumpPrune : public ::testing::Test {
 protected:
  void add(const std::string& name) { std::ofstream(folder.path() / name) << "x"; }
  void add_days(int first, int last) {
    for (int day = first; day <= last; ++day)
      add(fmt::format("catalog-202601{:02}T020000Z.dump", day));
  }
  std::size_t left() const { return list_dumps(folder.path()).value().size(); }
  testing::TempFolder folder;
  DumpFolders folders{folder.path(), {}};
};

TEST_F(DumpPrune, keeps_seven_days) {
  add_days(1, 20);
  EXPECT_EQ(prune_dumps(folders, parse_rfc3339("2026-01-20T02:00:00Z").value()).value(), 12u);
  EXPECT_EQ(left(), 8u);  // the 13th is seven days old to the second
}

TEST_F(DumpPrune, never_deletes_the_newest_seven_though_the_clock_jumps_ahead) {
  add_days(1, 20);
  ASSERT_TRUE(prune_dumps(folders, parse_rfc3339("2027-03-01T02:00:00Z").value()));
  EXPECT_EQ(left(), 7u);
}

TEST_F(DumpPrune, leaves_files_of_others_alone) {
  add_days(1, 20);
  add("catalog-old.dump");
  add("catalog-20260101T020000Z.dump.gz");
  ASSERT_TRUE(prune_dumps(folders, parse_rfc3339("2026-01-20T02:00:00Z").value()));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "catalog-old.dump"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "catalog-20260101T020000Z.dump.gz"));
}

}  // namespace
}  // namespace howdah::control
