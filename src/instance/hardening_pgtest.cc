// SPDX-License-Identifier: Apache-2.0
// What harden() makes, also in instances of before; the monitor; and that no setting of a tenant's
// reaches a session of the platform.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "instance/hardening_store.h"
#include "instance/test_instances.h"

namespace howdah::instance::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kOwner(kTemplateOwner);
const std::string kTenant(kTemplateDatabase);
constexpr const char* kGuards =
    "SELECT count(*) FROM pg_event_trigger WHERE evtname = 'howdah_guard_extensions' "
    "AND evtenabled = 'A' AND pg_get_userbyid(evtowner) = 'howdah_admin'";

Task<void> script_on(pg::ConnectOptions options, std::string sql) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(std::move(options)));
  co_return co_await connection.script(std::move(sql));
}

class HardeningTest : public InstanceTest {
 protected:
  static Result<void> as_tenant(const StartRequest& request, std::string sql,
                                std::string database = kTenant) {
    return all().run(script_on(Instances::tenant_options(request, database, kOwner), sql));
  }
  static Result<void> as_platform(const StartRequest& request, std::string sql,
                                  std::string database = kTenant) {
    return all().run(script_on(admin_options(request.place, std::move(database)), std::move(sql)));
  }
  static std::string ask(const StartRequest& request, std::string sql,
                         std::string database = "postgres") {
    return require(all().ask(request, std::move(sql), std::move(database)));
  }
};
HOWDAH_FOR_EACH_MAJOR(HardeningTest);

TEST_P(HardeningTest, every_logical_database_has_the_guard_however_it_was_made) {
  const auto [request, process] = running();
  require(as_tenant(request, "CREATE DATABASE one", "postgres"));
  require(as_tenant(request, "CREATE DATABASE two TEMPLATE template0", "postgres"));
  require(as_tenant(request, "CREATE DATABASE three TEMPLATE two", "postgres"));
  for (const char* database : {"postgres", "template1", "tenant_template", "tenant_template_shadow",
                               "one", "two", "three"}) {
    EXPECT_EQ(ask(request, kGuards, database), "1") << database;
  }
  EXPECT_EQ(ask(request, "SELECT datallowconn FROM pg_database WHERE datname = 'template0'"), "f");
}

// As an instance that was made before there was a guard.
TEST_P(HardeningTest, an_older_instance_gets_all_of_it_and_a_second_time_changes_nothing) {
  const auto [request, process] = running();
  require(as_platform(request, "ALTER DATABASE template0 ALLOW_CONNECTIONS true", "postgres"));
  for (const char* database : {"template0", "template1", "tenant_template"}) {
    require(as_platform(request,
                        "ALTER EXTENSION plpgsql DROP EVENT TRIGGER howdah_guard_extensions;"
                        "ALTER EXTENSION plpgsql DROP FUNCTION howdah_guard_extensions();"
                        "DROP EVENT TRIGGER howdah_guard_extensions;"
                        "DROP FUNCTION howdah_guard_extensions()",
                        database));
  }
  require(as_platform(request, "DROP SCHEMA howdah CASCADE; DROP ROLE howdah_monitor", "postgres"));
  // Closed by its owner, and opened again later.
  require(as_tenant(request, "CREATE DATABASE closed", "postgres"));
  require(as_tenant(request, "ALTER DATABASE closed ALLOW_CONNECTIONS false", "postgres"));
  EXPECT_TRUE(as_tenant(request, "CREATE EXTENSION citext"));
  for (int round = 0; round < 2; ++round) {
    const auto done = all().run(harden(request.place));
    ASSERT_TRUE(done) << done.error().to_log();
  }
  EXPECT_EQ(ask(request,
                "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database "
                "WHERE NOT datallowconn"),
            "closed template0");
  require(as_tenant(request, "ALTER DATABASE closed ALLOW_CONNECTIONS true", "postgres"));
  require(as_tenant(request, "CREATE DATABASE later TEMPLATE template0", "postgres"));
  for (const char* database : {"template1", "tenant_template", "closed", "later"}) {
    EXPECT_EQ(ask(request, kGuards, database), "1") << database;
  }
  const auto sizes = all().ask(request, "SELECT count(*) > 3 FROM howdah.database_sizes()",
                               "postgres", std::string(kAdminRole));
  EXPECT_EQ(require(sizes), "t");
}

TEST_P(HardeningTest, a_dump_of_a_tenants_has_nothing_of_it) {
  const auto [request, process] = running();
  require(as_tenant(request, "CREATE TABLE t (a int)"));
  os::SpawnOptions options;
  if (postgres().major > 15) GTEST_SKIP() << "needs a pg_dump of this major";
  options.arguments = {"/usr/bin/pg_dump",
                       "-h",
                       request.place.socket_directory.string(),
                       "-U",
                       std::string(kAdminRole),
                       "-d",
                       kTenant};
  options.environment = {"PATH=/usr/bin:/bin"};
  const os::Output dump = require(os::run(options, 30'000));
  EXPECT_EQ(dump.exit_code, 0) << dump.text;
  EXPECT_THAT(dump.text, HasSubstr("CREATE TABLE public.t"));
  EXPECT_THAT(dump.text, Not(HasSubstr("howdah_guard")));
  EXPECT_THAT(dump.text, Not(HasSubstr("EVENT TRIGGER")));
}

// The monitor.

Result<std::string> as_monitor(Instances& all, const StartRequest& request, std::string sql) {
  struct Ask {
    static Task<std::string> run(pg::ConnectOptions options, std::string statement) {
      HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(std::move(options)));
      HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(std::move(statement)));
      co_return rows.text(0, rows.columns().front());
    }
  };
  return all.run(
      Ask::run(pg::monitor_session({request.place.socket_directory.string(), "postgres", "test"}),
               std::move(sql)));
}

TEST_P(HardeningTest, the_monitor_sees_sizes_and_counters_and_no_row_and_no_statement) {
  const auto [request, process] = running();
  require(as_tenant(request, "CREATE TABLE t AS SELECT 'secret' AS a; GRANT ALL ON t TO PUBLIC"));
  EXPECT_EQ(require(as_monitor(all(), request,
                               "SELECT size_bytes > 1000000 FROM howdah.database_sizes() s "
                               "JOIN pg_database d USING (oid) WHERE datname = 'tenant_template'")),
            "t");
  EXPECT_EQ(require(as_monitor(all(), request,
                               "SELECT count(*) FROM pg_stat_database WHERE datname = "
                               "'tenant_template' AND numbackends IS NOT NULL")),
            "1");
  EXPECT_EQ(require(as_monitor(all(), request,
                               "SELECT count(*) FROM pg_auth_members WHERE member = "
                               "'howdah_monitor'::regrole OR roleid = 'howdah_monitor'::regrole")),
            "0");
  auto session =
      require(all().run(pg::Connection::open(Instances::tenant_options(request, kTenant, kOwner))));
  require(all().run(session.query("SELECT 'secret'")));
  const char* statements =
      "SELECT string_agg(query, ' ') FROM pg_stat_activity WHERE usename = 'user_template'";
  EXPECT_EQ(require(as_monitor(all(), request, statements)), "<insufficient privilege>");
  EXPECT_FALSE(as_monitor(all(), request, "SELECT FROM pg_authid"));
  EXPECT_FALSE(as_monitor(all(), request, "SELECT pg_read_file('PG_VERSION')"));
  EXPECT_FALSE(as_monitor(all(), request, "CREATE TEMP TABLE t()"));
  EXPECT_FALSE(as_monitor(all(), request, "SET ROLE user_template"));
  // Nor does it get into a tenant's database, where PUBLIC may read.
  pg::ConnectOptions inside =
      pg::monitor_session({request.place.socket_directory.string(), kTenant, "test"});
  const auto entered = all().run(script_on(inside, "SELECT 1"));
  ASSERT_FALSE(entered);
  EXPECT_THAT(entered.error().to_log(), HasSubstr("pg_hba.conf rejects"));
  // The control: what the usual role of monitors sees.
  require(as_platform(request,
                      "GRANT pg_read_all_stats TO howdah_monitor;"
                      "ALTER ROLE howdah_monitor INHERIT",
                      "postgres"));
  const std::string grant_inherits = postgres().major >= 16 ? "WITH INHERIT TRUE" : "";
  require(as_platform(request, "GRANT pg_read_all_stats TO howdah_monitor " + grant_inherits,
                      "postgres"));
  EXPECT_THAT(require(as_monitor(all(), request, statements)), HasSubstr("secret"));
}

// Settings.

// Another value than a setting's present one; empty: there is none to be found.
constexpr const char* kOtherValues = R"(
  SELECT name || E'\t' || CASE
    WHEN vartype = 'bool' THEN CASE setting WHEN 'on' THEN 'off' ELSE 'on' END
    WHEN vartype = 'enum' THEN coalesce((SELECT v FROM unnest(enumvals) v
      WHERE v <> setting AND v NOT IN ('pglz', 'lz4', 'zstd') LIMIT 1), '')
    WHEN vartype = 'integer' THEN CASE WHEN setting::int8 + 1 <= max_val::int8
      THEN (setting::int8 + 1)::text ELSE (setting::int8 - 1)::text END
    WHEN vartype = 'real' THEN CASE WHEN setting::float8 + 1 <= max_val::float8
      THEN (setting::float8 + 1)::text ELSE (setting::float8 / 2)::text END
    WHEN name = 'search_path' THEN 'public'
    WHEN name LIKE '%tablespace%' THEN 'pg_default'
    WHEN name = 'default_table_access_method' THEN 'heap'
    WHEN name LIKE 'lc\_%' THEN 'POSIX'
    WHEN name = 'client_encoding' THEN 'LATIN1'
    WHEN name = 'TimeZone' THEN 'Asia/Tokyo'
    WHEN name = 'DateStyle' THEN 'German'
    WHEN name = 'default_text_search_config' THEN 'pg_catalog.german'
    WHEN name = 'timezone_abbreviations' THEN 'India'
    WHEN name = 'local_preload_libraries' THEN 'nothing_of_this_name'
    WHEN name = 'createrole_self_grant' THEN 'set'
    WHEN name = 'restrict_nonsystem_relation_kind' THEN 'view'
    ELSE 'x' END
  FROM pg_settings WHERE context IN ('user', 'superuser', 'backend', 'superuser-backend')
  ORDER BY name)";

TEST_P(HardeningTest, no_setting_that_a_tenant_attaches_reaches_a_session_of_the_platform) {
  const auto [request, process] = running();
  auto admin = require(all().run(pg::Connection::open(admin_options(request.place))));
  const pg::Rows settings = require(all().run(admin.query(kOtherValues)));
  // From another database: some of these end its own next session.
  auto tenant = require(
      all().run(pg::Connection::open(Instances::tenant_options(request, "postgres", kOwner))));
  std::set<std::string> attached;
  std::string refused;
  for (std::size_t row = 0; row < settings.size(); ++row) {
    const std::string line = settings.text(row, settings.columns().front());
    const std::string name = line.substr(0, line.find('\t'));
    const std::string value = line.substr(line.find('\t') + 1);
    const auto done = all().run(
        tenant.query(fmt::format("ALTER DATABASE {} SET {} = '{}'", kTenant, name, value)));
    if (done) {
      attached.insert(name);
    } else if (pg::sqlstate(done.error()) != "42501") {
      refused += fmt::format("{}={}: {}\n", name, value, done.error().detail);
    }
  }
  for (const char* more :
       {"role = 'user_template'", "session_authorization = 'user_template'", "a.b = 'x'"}) {
    (void)all().run(tenant.query(fmt::format("ALTER DATABASE {} SET {}", kTenant, more)));
  }
  fmt::print("pg{}: {} settings attached; of no fitting value:\n{}", postgres().major,
             attached.size(), refused);
  EXPECT_GE(attached.size(), 100U);
  for (const char* name : {"search_path", "statement_timeout", "default_transaction_read_only",
                           "row_security", "exit_on_error", "lock_timeout"}) {
    EXPECT_TRUE(attached.contains(name)) << name;
  }

  // In spite of all: a session that works, as whom it is.
  const std::string reached =
      "SELECT coalesce(string_agg(name, ' '), '') FROM pg_settings "
      "WHERE source IN ('database', 'user', 'database user')";
  EXPECT_EQ(ask(request, "SELECT current_user || ' ' || session_user", kTenant),
            "howdah_admin howdah_admin");
  EXPECT_EQ(ask(request, "SHOW search_path", kTenant), "pg_catalog");
  EXPECT_EQ(ask(request, "SELECT current_setting('transaction_timeout', true)", kTenant),
            postgres().major >= 17 ? "0" : "");
  EXPECT_EQ(ask(request, reached, kTenant), "");
  const auto written = as_platform(request, "CREATE TABLE public.t(a int); DROP TABLE public.t");
  EXPECT_TRUE(written) << written.error().to_log();

  // The control: a session of the superuser that does not care.
  pg::ConnectOptions careless = Instances::tenant_options(request, kTenant, "howdah_admin");
  careless.options = "-c local_preload_libraries= -c statement_timeout=0 -c role=none";
  auto session = require(all().run(pg::Connection::open(careless)));
  EXPECT_FALSE(all().run(session.script("CREATE TABLE public.t(a int)"))) << "read-only";
}

TEST_P(HardeningTest, each_of_the_worst_settings_does_harm_to_a_session_that_does_not_care) {
  const auto [request, process] = running();
  const auto careless = [&request](std::string sql) {
    pg::ConnectOptions options = Instances::tenant_options(request, kTenant, "howdah_admin");
    options.options = "-c timezone=UTC -c search_path=pg_catalog";
    return all().run(script_on(options, std::move(sql)));
  };
  const auto attach = [&request](std::string setting) {
    require(
        as_tenant(request, fmt::format("ALTER DATABASE {} SET {}", kTenant, setting), "postgres"));
  };
  const std::string work =
      "CREATE TABLE public.w AS SELECT 1 AS a FROM pg_sleep(0.1); DROP TABLE public.w";
  for (const char* setting : {"role = 'user_template'", "default_transaction_read_only = on",
                              "statement_timeout = 20", "local_preload_libraries = 'nothing'"}) {
    require(as_tenant(request, "ALTER DATABASE tenant_template RESET ALL", "postgres"));
    // As the tenant it could write; not what is the superuser's.
    const std::string what =
        std::string(setting).starts_with("role") ? "SELECT pg_ls_dir('.')" : work;
    EXPECT_TRUE(careless(what)) << "nothing is attached";
    attach(setting);
    EXPECT_FALSE(careless(what)) << "control: " << setting;
    const auto done = as_platform(request, what);
    EXPECT_TRUE(done) << setting << ": " << done.error().to_log();
  }
}

TEST_P(HardeningTest, what_the_platform_says_is_in_no_log_whatever_is_to_be_logged) {
  StartRequest request = clone();
  request.config.settings = {{"log_statement", "all"}, {"log_min_duration_statement", "0"}};
  const auto process = require(all().start(request));
  require(as_platform(request, "SELECT 'of the platform'"));
  require(as_tenant(request, "SELECT 'of the tenant'"));
  const std::string log = *os::read_file(request.place.log());
  EXPECT_THAT(log, Not(HasSubstr("of the platform")));
  EXPECT_THAT(log, HasSubstr("of the tenant")) << "control";
}

}  // namespace
}  // namespace howdah::instance::testing
