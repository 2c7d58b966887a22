// SPDX-License-Identifier: Apache-2.0
// The template, and what is made of its clones: names, verifiers, identity.
#include "instance/template.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "instance/control_file.h"
#include "instance/identity.h"
#include "instance/role_store.h"
#include "instance/test_instances.h"

namespace howdah::instance::testing {
namespace {

using std::chrono::steady_clock;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kSlug = "k3v9x2ab";
constexpr const char* kVerifier =
    "SCRAM-SHA-256$4096:c2FsdHNhbHRzYWx0c2FsdA==$"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

// Overwrites bytes of a file in place.
void damage(const os::Path& path, std::streamoff offset, std::string_view bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(offset);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

os::Path wal_segment(const InstancePlace& place) {
  for (const auto& entry : std::filesystem::directory_iterator(place.data() / "pg_wal")) {
    if (entry.is_regular_file()) return entry.path();
  }
  throw std::runtime_error("no WAL");
}

class TemplateTest : public InstanceTest {};
HOWDAH_FOR_EACH_MAJOR(TemplateTest);

TEST_P(TemplateTest, is_ready_only_when_it_is_complete) {
  const InstancePlace& place = all().template_of(postgres());
  EXPECT_TRUE(template_is_ready(place));
  EXPECT_TRUE(read_control_file(place.data())->shut_down);
  EXPECT_FALSE(std::filesystem::exists(place.data() / "postmaster.pid"));

  const InstancePlace half = all().new_place("half", std::nullopt);
  Instances::copy(place.data(), half.data());
  EXPECT_FALSE(template_is_ready(half));
  std::ofstream(half.directory / "template.json") << "{\"format\":0}";
  EXPECT_FALSE(template_is_ready(half));
  std::ofstream(half.directory / "template.json") << "{\"format\":";
  EXPECT_FALSE(template_is_ready(half));
}

TEST_P(TemplateTest, a_failing_initdb_is_told_with_its_words) {
  TemplateRequest request;
  request.installation = postgres();
  request.agent_user = Instances::agent_user();
  if (Instances::is_root()) request.user = os::find_user("nobody");
  request.place = all().new_place("full" + std::to_string(postgres().major), request.user);
  require(os::make_directory(request.place.data(), 0755));
  std::ofstream(request.place.data() / "somebody") << "else's";
  const auto built = all().run(build_template(all().pool(), request));
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::instance_failed);
  EXPECT_THAT(built.error().detail, HasSubstr("is not empty"));
  EXPECT_FALSE(template_is_ready(request.place));
}

TEST_P(TemplateTest, what_initdb_fixes_for_ever_is_as_decided) {
  const auto [request, process] = running();
  const auto ask = [&](const char* sql) { return require(all().ask(request, sql, "template1")); };
  EXPECT_EQ(ask("SHOW data_checksums"), "on");
  EXPECT_EQ(ask("SHOW server_encoding"), "UTF8");
  EXPECT_EQ(ask("SHOW wal_segment_size"), "1MB");
  EXPECT_EQ(ask("SELECT datctype FROM pg_database WHERE datname = 'tenant_template'"), "C.UTF-8");
  EXPECT_EQ(ask("SELECT upper('stra\u00dfe \u00e4\u00f6')"), "STRA\u00dfE \u00c4\u00d6");
  if (postgres().major >= 17) {
    EXPECT_EQ(ask("SELECT datlocprovider FROM pg_database WHERE datname = 'tenant_template'"), "b");
  }
}

TEST_P(TemplateTest, owner_has_a_whole_database_and_nothing_of_the_platform) {
  const auto [request, process] = running();
  const std::string owner(kTemplateOwner);
  const auto as_owner = [&](const char* sql, const char* database) {
    return all().ask(request, sql, database, owner).has_value();
  };
  EXPECT_TRUE(as_owner("CREATE TABLE public.t(a int)", "tenant_template"));
  EXPECT_TRUE(as_owner("CREATE TABLE public.t(a int)", "tenant_template_shadow"));
  EXPECT_TRUE(as_owner("CREATE SCHEMA more", "tenant_template"));
  EXPECT_TRUE(as_owner("CREATE DATABASE mine", "postgres"));
  EXPECT_TRUE(as_owner("CREATE TABLE public.t(a int)", "mine"));

  EXPECT_FALSE(as_owner("CREATE TABLE public.t(a int)", "postgres"));
  EXPECT_FALSE(as_owner("CREATE TEMP TABLE t(a int)", "postgres"));
  EXPECT_FALSE(as_owner("SELECT 1", "template1"));
  EXPECT_FALSE(as_owner("CREATE ROLE other", "postgres"));
  EXPECT_FALSE(as_owner("ALTER SYSTEM SET work_mem = '1GB'", "postgres"));
  EXPECT_FALSE(as_owner("SELECT pg_read_file('PG_VERSION')", "postgres"));
  EXPECT_FALSE(as_owner("COPY (SELECT 1) TO PROGRAM 'true'", "tenant_template"));
}

// psql as another OS user: whom peer authentication lets in as whom.
int psql_as(const StartRequest& request, const std::string& os_user, const std::string& role) {
  os::SpawnOptions options;
  options.arguments = {"/usr/bin/psql",
                       "-X",
                       "-w",
                       "-h",
                       request.place.socket_directory.string(),
                       "-U",
                       role,
                       "-d",
                       "postgres",
                       "-c",
                       "SELECT 1"};
  options.environment = {"PATH=/usr/bin:/bin"};
  options.user = os::find_user(os_user);
  return require(os::run(options, 10'000)).exit_code;
}

TEST_P(TemplateTest, gate_logs_in_as_roles_and_never_as_the_superuser) {
  if (!Instances::is_root()) GTEST_SKIP() << "needs root to act as several users";
  StartRequest request = clone();
  request.socket_group = os::find_user("daemon")->gid;
  const auto process = require(all().start(request));
  // spawn() drops all groups, so only daemon, by its primary group, passes the directory.
  EXPECT_EQ(psql_as(request, "daemon", std::string(kTemplateOwner)), 0);
  EXPECT_EQ(psql_as(request, "daemon", std::string(kAdminRole)), 2);
  EXPECT_EQ(psql_as(request, "root", std::string(kAdminRole)), 0);
  EXPECT_EQ(psql_as(request, "bin", std::string(kTemplateOwner)), 2);
}

TEST_P(TemplateTest, a_clone_takes_the_names_of_its_slug_once_and_for_all) {
  const auto [request, process] = running();
  const auto begin = steady_clock::now();
  require(all().run(take_slug(request.place, kSlug)));
  fmt::print("pg{}: take_slug {:.1f} ms\n", postgres().major, ms_since(begin));
  require(all().run(take_slug(request.place, kSlug)));
  EXPECT_EQ(require(all().ask(request,
                              "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database "
                              "WHERE NOT datistemplate")),
            "postgres tenant_k3v9x2ab tenant_k3v9x2ab_shadow");
  EXPECT_EQ(require(all().ask(request,
                              "SELECT pg_get_userbyid(datdba) FROM pg_database "
                              "WHERE datname = 'tenant_k3v9x2ab_shadow'")),
            "user_k3v9x2ab");
  EXPECT_FALSE(all().run(take_slug(request.place, "x'; DROP ")));
}

// As the node does it, all in one.
Task<void> set_verifier(InstancePlace place, std::string role, std::string verifier) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  HOWDAH_CO_CHECK(co_await begin_role_change(connection, true));
  co_return co_await commit_role_change(connection, {{role, verifier}}, "mark-1");
}
Task<RolesInside> read_once(InstancePlace place) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  co_return co_await read_roles(connection);
}

Task<void> run_script(InstancePlace place, std::string sql) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(admin_options(place)));
  co_return co_await connection.script(std::move(sql));
}

TEST_P(TemplateTest, a_verifier_is_stored_as_it_is_and_never_logged) {
  const auto [request, process] = running();
  const auto begin = steady_clock::now();
  require(all().run(set_verifier(request.place, std::string(kTemplateOwner), kVerifier)));
  fmt::print("pg{}: set_verifier {:.1f} ms\n", postgres().major, ms_since(begin));
  EXPECT_EQ(require(all().ask(request,
                              "SELECT rolpassword FROM pg_authid WHERE rolname = 'user_template'")),
            kVerifier);
  const auto missing = all().run(set_verifier(request.place, "user_none", kVerifier));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_THAT(*os::read_file(request.place.log()), Not(HasSubstr("SCRAM-SHA-256")));
  const RolesInside inside = require(all().run(read_once(request.place)));
  ASSERT_EQ(inside.roles.size(), 1U);
  EXPECT_EQ(inside.roles[0].password, kVerifier);
  EXPECT_EQ(inside.mark, "mark-1");
}

TEST_P(TemplateTest, passwords_that_scram_cannot_use_are_named_as_such) {
  const auto [request, process] = running();
  const std::string owner(kTemplateOwner);
  const std::vector<std::pair<std::string, std::string>> cases{
      {"ALTER ROLE " + owner + " PASSWORD NULL", ""},
      {"SET password_encryption = md5; ALTER ROLE " + owner + " PASSWORD 'x'", "!md5"},
      {"UPDATE pg_authid SET rolpassword = 'SCRAM-SHA-256$' || repeat('1', 5000) "
       "WHERE rolname = '" +
           owner + "'",
       "!malformed"}};
  for (const auto& [sql, expected] : cases) {
    require(all().run(run_script(request.place, "SET allow_system_table_mods = on; " + sql)));
    const RolesInside inside = require(all().run(read_once(request.place)));
    EXPECT_EQ(inside.roles.at(0).password, expected) << sql;
  }
  require(all().run(run_script(
      request.place, "ALTER ROLE " + owner + " NOLOGIN VALID UNTIL '2020-01-02 03:04:05+00'")));
  const RolesInside inside = require(all().run(read_once(request.place)));
  EXPECT_FALSE(inside.roles.at(0).can_login);
  EXPECT_EQ(to_rfc3339(*inside.roles.at(0).valid_until), "2020-01-02T03:04:05.000Z");
}

TEST_P(TemplateTest, a_transaction_that_changes_roles_and_stays_open_holds_up_nobody_for_long) {
  const auto [request, process] = running();
  auto holder = require(all().run(pg::Connection::open(admin_options(request.place))));
  require(all().run(
      holder.script("BEGIN; ALTER ROLE " + std::string(kTemplateOwner) + " PASSWORD 'x'")));
  const auto begin = steady_clock::now();
  const auto changed =
      all().run(set_verifier(request.place, std::string(kTemplateOwner), kVerifier));
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, ErrorCode::conflict);
  EXPECT_LT(ms_since(begin), 30'000);
}

TEST_P(TemplateTest, anything_that_the_server_would_take_for_a_plain_password_is_refused) {
  const auto [request, process] = running();
  const std::string good = kVerifier;
  for (const std::string& text :
       {std::string("secret"), std::string("SCRAM-SHA-256$"), good.substr(0, good.rfind(':')),
        good.substr(0, good.rfind(':') + 1), good + "'", "SCRAM-SHA-256$x" + good.substr(14),
        good + std::string(512, 'A')}) {
    const auto result = all().run(set_verifier(request.place, std::string(kTemplateOwner), text));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid_request) << text;
  }
}

class IdentityTest : public InstanceTest {};
HOWDAH_FOR_EACH_MAJOR(IdentityTest);

TEST_P(IdentityTest, a_clone_gets_its_own_and_runs_with_it) {
  const StartRequest request = clone();
  const auto before = read_control_file(request.place.data())->system_identifier;
  const auto begin = steady_clock::now();
  const auto given = require(give_own_identity(request.place.data()));
  fmt::print("pg{}: give_own_identity {:.1f} ms\n", postgres().major, ms_since(begin));
  EXPECT_NE(given, before);
  const auto process = require(all().start(request));
  EXPECT_EQ(require(all().ask(request, "SELECT system_identifier FROM pg_control_system()")),
            std::to_string(given));
  require(all().ask(request, "CREATE TABLE public.t AS SELECT generate_series(1, 1000)"));
  require(all().run(process->kill()));
  const auto again = require(all().start(request));
  EXPECT_EQ(require(all().ask(request, "SELECT count(*) FROM public.t")), "1000");
}

// A second clone whose WAL is replaced by that of the first.
Result<std::shared_ptr<InstanceProcess>> start_with_wal_of(Instances& all, const StartRequest& from,
                                                           const StartRequest& to) {
  require(os::remove_tree(to.place.data() / "pg_wal"));
  Instances::copy(from.place.data() / "pg_wal", to.place.data() / "pg_wal");
  if (to.user) {
    require(os::change_owner_tree(to.place.data() / "pg_wal", to.user->uid, to.user->gid));
  }
  return all.start(to);
}

TEST_P(IdentityTest, wal_of_another_database_is_refused) {
  const StartRequest one = clone(), two = clone();
  require(give_own_identity(one.place.data()));
  require(give_own_identity(two.place.data()));
  const auto started = start_with_wal_of(all(), one, two);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::instance_failed);
  EXPECT_THAT(*os::read_file(two.place.log()),
              HasSubstr("WAL file is from different database system"));
}

TEST_P(IdentityTest, control_without_own_identities_the_wal_of_another_is_accepted) {
  const StartRequest one = clone(), two = clone();
  EXPECT_TRUE(start_with_wal_of(all(), one, two));
}

TEST_P(IdentityTest, damaged_and_unfit_directories_are_refused) {
  const StartRequest bad_control = clone();
  damage(bad_control.place.data() / "global/pg_control", 100, "x");
  EXPECT_EQ(give_own_identity(bad_control.place.data()).error().code, ErrorCode::io_error);

  const StartRequest bad_wal = clone();
  damage(wal_segment(bad_wal.place), 24, "\x01\x02\x03");
  EXPECT_EQ(give_own_identity(bad_wal.place.data()).error().code, ErrorCode::io_error);

  const StartRequest short_wal = clone();
  std::filesystem::resize_file(wal_segment(short_wal.place), 20);
  EXPECT_EQ(give_own_identity(short_wal.place.data()).error().code, ErrorCode::io_error);

  const StartRequest no_wal = clone();
  for (const auto& entry : std::filesystem::directory_iterator(no_wal.place.data() / "pg_wal")) {
    std::filesystem::remove_all(entry.path());
  }
  EXPECT_EQ(give_own_identity(no_wal.place.data()).error().code, ErrorCode::io_error);

  const auto [request, process] = running();
  EXPECT_EQ(give_own_identity(request.place.data()).error().code, ErrorCode::conflict);
  EXPECT_EQ(give_own_identity("/nonexistent").error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace howdah::instance::testing
