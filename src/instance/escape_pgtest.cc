// SPDX-License-Identifier: Apache-2.0
// T10, as SQL user: what a tenant tries is refused on every major, the same works for who may do
// it (so that the attempt is a real one), and what a tenant needs is still allowed.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "instance/hardening_store.h"
#include "instance/test_escape_probes.h"
#include "instance/test_instances.h"

namespace howdah::instance::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kDone = "00000";
const std::string kOwner(kTemplateOwner);
const std::string kTenant(kTemplateDatabase);

Task<void> script_on(pg::ConnectOptions options, std::string sql) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(std::move(options)));
  co_return co_await connection.script(std::move(sql));
}

bool is_one_of(std::string_view state, std::string_view states) {
  return state.size() == 5 && (" " + std::string(states) + " ").contains(std::string(state));
}

class EscapeTest : public InstanceTest {
 protected:
  // 00000 or the SQLSTATE of the error; else what failed.
  static std::string try_sql(const StartRequest& request, std::string_view sql,
                             std::string_view database, const std::string& role) {
    const auto done = all().run(script_on(
        Instances::tenant_options(request, std::string(database), role), std::string(sql)));
    if (done) return std::string(kDone);
    const std::string state = pg::sqlstate(done.error());
    return state.empty() ? done.error().to_log() : state;
  }
  static std::string as_tenant(const StartRequest& request, std::string_view sql,
                               std::string_view database = kTemplateDatabase) {
    return try_sql(request, sql, database, kOwner);
  }
  static std::string as_superuser(const StartRequest& request, std::string_view sql,
                                  std::string_view database = kTemplateDatabase) {
    return try_sql(request, sql, database, std::string(kAdminRole));
  }
  std::pair<StartRequest, std::shared_ptr<InstanceProcess>> with_objects() {
    auto made = running();
    EXPECT_EQ(as_tenant(made.first,
                        "CREATE TABLE mine (a text); CREATE TYPE mine_t AS (a int);"
                        "CREATE FUNCTION mine_f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'"),
              kDone);
    return made;
  }
  // Every probe is refused, and every control is not.
  void run_probes(const std::vector<Probe>& probes);
};
HOWDAH_FOR_EACH_MAJOR(EscapeTest);

void EscapeTest::run_probes(const std::vector<Probe>& probes) {
  const auto [tenant, tenant_process] = with_objects();
  const auto [control, control_process] = with_objects();
  int count = 0;
  for (const Probe& probe : probes) {
    if (postgres().major < probe.from || postgres().major > probe.to) continue;
    SCOPED_TRACE(fmt::format("{}: {}", probe.name, probe.sql));
    const std::string refused = as_tenant(tenant, probe.sql, probe.database);
    EXPECT_TRUE(is_one_of(refused, probe.refused)) << refused;
    EXPECT_EQ(as_superuser(control, probe.sql, probe.database), probe.superuser) << "control";
    if (!probe.undo.empty()) {
      EXPECT_EQ(as_superuser(control, probe.undo, probe.database), kDone) << "undo";
    }
    ++count;
  }
  RecordProperty("probes", count);
  fmt::print("pg{}: {} probes\n", postgres().major, count);
}

TEST_P(EscapeTest, a_tenant_does_not_become_more_than_it_is) {
  run_probes(kRoleProbes);
}
TEST_P(EscapeTest, a_tenant_reaches_no_file_no_program_and_no_secret_of_the_server) {
  run_probes(kFileProbes);
}
TEST_P(EscapeTest, a_tenant_makes_nothing_that_runs_outside_of_its_rights) {
  run_probes(kObjectProbes);
}
TEST_P(EscapeTest, a_tenant_sets_nothing_that_is_the_platforms) {
  run_probes(kSettingProbes);
}
TEST_P(EscapeTest, a_tenant_leaves_nothing_in_the_platforms_database) {
  run_probes(kPlatformDatabaseProbes);
}

// But pg_database_owner, which stands for whoever owns the database and which nobody can be given.
TEST_P(EscapeTest, a_tenant_joins_none_of_the_servers_roles) {
  const auto [request, process] = running();
  const std::string names = require(
      all().ask(request,
                "SELECT string_agg(rolname, ' ' ORDER BY oid) FROM pg_roles WHERE rolname ~ '^pg_'"
                " AND rolname <> 'pg_database_owner'"));
  int count = 0;
  std::istringstream list(names);
  for (std::string name; list >> name; ++count) {
    SCOPED_TRACE(name);
    EXPECT_EQ(as_tenant(request, fmt::format("GRANT {} TO {}", name, kOwner)), "42501");
    EXPECT_EQ(as_tenant(request, "SET ROLE " + name), "42501");
    EXPECT_EQ(as_superuser(request, fmt::format("GRANT {} TO {}", name, kOwner)), kDone);
    EXPECT_EQ(as_tenant(request, "SET ROLE " + name), kDone) << "control: a member";
    // pg_monitor is a member of others.
    EXPECT_EQ(as_superuser(request, fmt::format("REVOKE {} FROM {}", name, kOwner)), kDone);
  }
  EXPECT_GE(count, 8);
  fmt::print("pg{}: {} probes\n", postgres().major, 2 * count);
}

// Pitfall 5: with CREATEROLE, before 16, an OS shell in two statements.
TEST_P(EscapeTest, no_role_of_a_tenant_may_make_roles_and_why) {
  const auto [request, process] = with_objects();
  EXPECT_EQ(require(all().ask(request,
                              "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolcreaterole "
                              "OR rolreplication OR rolbypassrls OR rolsuper")),
            kAdminRole);
  const std::string grant = "GRANT pg_execute_server_program TO " + kOwner;
  const std::string shell = "COPY mine FROM PROGRAM 'echo out of the wall'";
  EXPECT_EQ(as_tenant(request, grant), "42501");
  EXPECT_EQ(as_tenant(request, shell), "42501");
  // The control.
  ASSERT_EQ(as_superuser(request, "ALTER ROLE " + kOwner + " CREATEROLE"), kDone);
  const bool leaks = postgres().major < 16;
  EXPECT_EQ(as_tenant(request, grant), leaks ? kDone : "42501");
  EXPECT_EQ(as_tenant(request, shell), leaks ? kDone : "42501");
  if (leaks) {
    EXPECT_EQ(require(all().ask(request, "SELECT a FROM public.mine", kTenant)), "out of the wall");
  }
}

// Pitfall 6: in a cluster of many, each sees the names and settings of all.
TEST_P(EscapeTest, a_tenant_sees_no_name_and_no_setting_of_another) {
  StartRequest one = clone();
  one.config.roles = {"user_aaaaaaaa"};
  const auto one_process = require(all().start(one));
  const auto [two, two_process] = running();
  require(all().run(take_slug(one.place, "aaaaaaaa")));
  require(all().run(take_slug(two.place, "bbbbbbbb")));
  const std::string seen =
      "SELECT concat((SELECT string_agg(datname, ' ') FROM pg_database), "
      "(SELECT string_agg(rolname, ' ') FROM pg_roles), "
      "(SELECT string_agg(setconfig::text, ' ') FROM pg_db_role_setting), "
      "(SELECT string_agg(concat(datname, usename, application_name), ' ') "
      "FROM pg_stat_activity))";
  const auto look = [&] {
    return require(all().ask(one, seen, "tenant_aaaaaaaa", "user_aaaaaaaa"));
  };
  ASSERT_EQ(as_superuser(two, "ALTER DATABASE tenant_bbbbbbbb SET search_path = secret_bbbbbbbb",
                         "postgres"),
            kDone);
  EXPECT_THAT(look(), HasSubstr("tenant_aaaaaaaa"));
  EXPECT_THAT(look(), Not(HasSubstr("bbbbbbbb")));
  // The control: both in one.
  ASSERT_EQ(as_superuser(one, "CREATE ROLE user_bbbbbbbb", "postgres"), kDone);
  ASSERT_EQ(as_superuser(one, "CREATE DATABASE tenant_bbbbbbbb OWNER user_bbbbbbbb", "postgres"),
            kDone);
  ASSERT_EQ(as_superuser(one, "ALTER DATABASE tenant_bbbbbbbb SET search_path = secret_bbbbbbbb",
                         "postgres"),
            kDone);
  EXPECT_THAT(look(), HasSubstr("user_bbbbbbbb"));
  EXPECT_THAT(look(), HasSubstr("tenant_bbbbbbbb"));
  EXPECT_THAT(look(), HasSubstr("secret_bbbbbbbb"));
}

TEST_P(EscapeTest, a_tenant_ends_no_session_of_the_platforms_and_reads_none_of_its_statements) {
  const auto [request, process] = running();
  auto session = require(all().run(pg::Connection::open(admin_options(request.place))));
  const std::string pid =
      require(all().run(session.query("SELECT pg_backend_pid() AS pid"))).text(0, "pid");
  for (const char* what : {"pg_terminate_backend", "pg_cancel_backend"}) {
    EXPECT_EQ(as_tenant(request, fmt::format("SELECT {}({})", what, pid)), "42501");
  }
  const std::string query = "SELECT query FROM pg_stat_activity WHERE pid = " + pid;
  EXPECT_EQ(require(all().ask(request, query, kTenant, kOwner)), "<insufficient privilege>");
  // The controls.
  EXPECT_THAT(require(all().ask(request, query)), HasSubstr("pg_backend_pid"));
  EXPECT_EQ(as_superuser(request, fmt::format("SELECT pg_terminate_backend({})", pid)), kDone);
  EXPECT_FALSE(all().run(session.query("SELECT 1")));
}

TEST_P(EscapeTest, no_session_gets_into_the_templates) {
  const auto [request, process] = running();
  for (const char* database : {"template0", "template1"}) {
    EXPECT_FALSE(all().ask(request, "SELECT 1", database, kOwner)) << database;
  }
  ASSERT_EQ(as_superuser(request, "GRANT CONNECT ON DATABASE template1 TO PUBLIC"), kDone);
  EXPECT_TRUE(all().ask(request, "SELECT 1", "template1", kOwner)) << "control";
}

// A document names a file; its text must not come back.
TEST_P(EscapeTest, xml_reads_no_file) {
  const auto [request, process] = running();
  const auto read =
      all().ask(request,
                "SELECT xmlparse(DOCUMENT '<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>"
                "<a>&x;</a>')::text",
                kTenant, kOwner);
  if (read) EXPECT_THAT(*read, Not(HasSubstr("root:")));
}

// What a tenant needs goes on.
TEST_P(EscapeTest, a_tenant_does_in_its_own_database_what_an_owner_does) {
  const auto [request, process] = with_objects();
  for (const char* sql :
       {"CREATE SCHEMA more; CREATE TABLE more.t (id int PRIMARY KEY, a text)",
        "CREATE TEMP TABLE t(); CREATE UNLOGGED TABLE u()",
        "CREATE VIEW v AS SELECT * FROM mine; CREATE MATERIALIZED VIEW mv AS SELECT * FROM mine",
        "CREATE FUNCTION p() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$",
        "CREATE PROCEDURE q() LANGUAGE plpgsql AS $$ BEGIN NULL; END $$; CALL q()",
        "CREATE FUNCTION d() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
        "CREATE FUNCTION tr() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;"
        "CREATE TRIGGER tr BEFORE INSERT ON mine FOR EACH ROW EXECUTE FUNCTION tr()",
        "DO $$ BEGIN PERFORM 1; END $$",
        "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)",
        "CREATE TYPE e AS ENUM ('a', 'b'); CREATE DOMAIN dm AS int CHECK (VALUE > 0)",
        "CREATE AGGREGATE agg(int) (SFUNC = int4pl, STYPE = int4)",
        "CREATE COLLATION c (LOCALE = 'C')",
        "CREATE TEXT SEARCH CONFIGURATION ts (COPY = english)",
        "ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY pl ON mine USING (true)",
        "CREATE PUBLICATION pub FOR TABLE mine",
        "CREATE RULE r AS ON DELETE TO mine DO INSTEAD NOTHING",
        "CREATE STATISTICS st ON a, (a || 'x') FROM mine",
        "SELECT lo_unlink(lo_create(0)); SELECT lo_from_bytea(0, 'x')",
        "SELECT pg_notify('c', 'x'); LISTEN c; SELECT pg_advisory_lock(1)",
        "ALTER DATABASE tenant_template SET work_mem = '5MB'",
        "ALTER ROLE user_template SET statement_timeout = '1min'",
        "ALTER ROLE user_template PASSWORD 'new'",
        "COMMENT ON DATABASE tenant_template IS 'mine'",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
        "ANALYZE; REINDEX TABLE more.t",
        "CREATE DATABASE mine_too",
        "CREATE DATABASE from_scratch TEMPLATE template0",
        "ALTER DATABASE mine_too RENAME TO still_mine",
        "DROP DATABASE still_mine",
        "VACUUM"}) {
    const bool statistics = std::string_view(sql).starts_with("CREATE STATISTICS");
    if (statistics && postgres().major < 14) continue;
    EXPECT_EQ(as_tenant(request, sql), kDone) << sql;
  }
}

// Extensions.

bool is_available(Instances& all, const StartRequest& request, std::string_view name) {
  return require(all.ask(
             request, fmt::format("SELECT count(*) FROM pg_available_extensions WHERE name = '{}'",
                                  name))) == "1";
}

TEST_P(EscapeTest, extensions_that_are_not_on_the_list_are_refused_trusted_or_not) {
  const auto [request, process] = running();
  ASSERT_EQ(as_tenant(request, "CREATE DATABASE derived TEMPLATE template0", "postgres"), kDone);
  int count = 0;
  for (const std::string_view name : kRefusedBySql) {
    if (!is_available(all(), request, name)) continue;
    // Both of the same extension: the library of a language may be missing here.
    const std::string create = fmt::format("CREATE EXTENSION {} CASCADE", name);
    for (const char* database : {"tenant_template", "tenant_template_shadow", "derived"}) {
      const std::string refused = as_tenant(request, create, database);
      EXPECT_TRUE(is_one_of(refused, "42501 58P01 55000")) << create << ": " << refused;
    }
    const std::string platform = as_superuser(request, create);
    EXPECT_TRUE(is_one_of(platform, "42501 58P01 55000")) << create << ": " << platform;
    ++count;
  }
  EXPECT_GE(count, 12);
  EXPECT_EQ(
      require(all().ask(request, "SELECT string_agg(extname, ' ') FROM pg_extension", kTenant)),
      "plpgsql");
  fmt::print("pg{}: {} extensions refused\n", postgres().major, count);
}

// pltcl is trusted: PostgreSQL itself lets the owner of a database install it. The packages of
// Debian leave it out unless it is asked for, so there any other trusted extension stands for it.
TEST_P(EscapeTest, control_without_the_guard_a_trusted_language_is_installed_by_a_tenant) {
  const auto [request, process] = running();
  if (!is_available(all(), request, "pltcl")) {
    GTEST_SKIP() << "this server has no trusted language but plpgsql";
  }
  EXPECT_EQ(as_tenant(request, "CREATE EXTENSION pltcl"), "42501");
  EXPECT_EQ(as_tenant(request, "CREATE LANGUAGE pltcl"), "42501");
  EXPECT_EQ(as_tenant(request,
                      "DO $$ BEGIN CREATE EXTENSION pltcl; EXCEPTION WHEN OTHERS THEN NULL; END $$;"
                      "CREATE FUNCTION t() RETURNS int LANGUAGE pltcl AS 'return 1'"),
            "42704")
      << "what is caught is undone";
  ASSERT_EQ(as_superuser(request, "ALTER EVENT TRIGGER howdah_guard_extensions DISABLE"), kDone);
  EXPECT_EQ(as_tenant(request, "CREATE EXTENSION pltcl"), kDone);
  EXPECT_EQ(as_tenant(request, "CREATE FUNCTION t() RETURNS int LANGUAGE pltcl AS 'return 1'"),
            kDone);
  EXPECT_EQ(require(all().ask(request, "SELECT t()", kTenant, kOwner)), "1");
}

TEST_P(EscapeTest, trusted_extensions_of_the_list_are_installed_by_plain_sql) {
  const auto [request, process] = running();
  for (const char* name :
       {"btree_gin",     "btree_gist",      "citext",          "cube",     "dict_int",
        "fuzzystrmatch", "hstore",          "intarray",        "isn",      "lo",
        "ltree",         "pg_trgm",         "pgcrypto",        "seg",      "tablefunc",
        "tcn",           "tsm_system_rows", "tsm_system_time", "unaccent", "\"uuid-ossp\""}) {
    EXPECT_EQ(as_tenant(request, fmt::format("CREATE EXTENSION IF NOT EXISTS {}", name)), kDone)
        << name;
    EXPECT_EQ(as_tenant(request, fmt::format("CREATE EXTENSION IF NOT EXISTS {}", name)), kDone);
  }
  EXPECT_EQ(as_tenant(request, "ALTER EXTENSION citext UPDATE; DROP EXTENSION citext"), kDone);
}

// The loopback: a session of the server's own process to its own socket is of the instance's OS
// user, who is nobody to the platform.
TEST_P(EscapeTest, the_server_itself_cannot_log_in_as_anybody) {
  if (!Instances::is_root()) GTEST_SKIP() << "without root all are one OS user: see doctor";
  const auto [request, process] = running();
  if (!is_available(all(), request, "dblink")) GTEST_SKIP() << "this server has no dblink";
  const std::string prepare =
      "ALTER EVENT TRIGGER howdah_guard_extensions DISABLE; CREATE EXTENSION dblink SCHEMA public";
  ASSERT_EQ(as_superuser(request, prepare), kDone);
  const auto connect = [](const StartRequest& to, std::string_view role) {
    return fmt::format("SELECT public.dblink_connect('x', 'host={} dbname=postgres user={}')",
                       to.place.socket_directory.string(), role);
  };
  for (const std::string_view role : {kAdminRole, kMonitorRole, std::string_view(kTemplateOwner)}) {
    EXPECT_EQ(as_superuser(request, connect(request, role)), "08001") << role;
  }
  EXPECT_THAT(*os::read_file(request.place.log()), HasSubstr("Peer authentication failed"));

  // The control: an instance whose OS user is one of the platform's.
  StartRequest weak = clone();
  const auto nobody = os::find_user("nobody");
  require(os::change_owner_tree(weak.place.data(), nobody->uid, nobody->gid));
  weak.user = nobody;
  weak.config.platform_users.push_back("nobody");
  const auto weak_process = require(all().start(weak));
  ASSERT_EQ(as_superuser(weak, prepare), kDone);
  EXPECT_EQ(as_superuser(weak, connect(weak, kAdminRole)), kDone);
  require(all().run(weak_process->stop()));
}

}  // namespace
}  // namespace howdah::instance::testing
