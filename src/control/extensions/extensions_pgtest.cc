// SPDX-License-Identifier: Apache-2.0
// Extensions on a running service, with a real PostgreSQL whose tenant is hostile.
#include "control/extensions/extension_store.h"
#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;
using testing::code_of;

class ExtensionsTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> installs();
  asio::awaitable<void> meets_traps();
  asio::awaitable<void> requires_another();
  asio::awaitable<void> keeps_what_is_used();
  asio::awaitable<void> refuses();
  asio::awaitable<void> sleeps();
  asio::awaitable<void> lists_databases();

  asio::awaitable<void> make() {
    node->makes_databases = true;
    const auto made = co_await create("db");
    EXPECT_TRUE(made) << made.error().to_log();
    base = "/api/databases/" + std::string(made->at("id").as_string());
    path = base + "/extensions";
    database = std::string(made->at("database_name").as_string());
    role = std::string(made->at("username").as_string());
    EXPECT_TRUE(co_await inside("ALTER SCHEMA public OWNER TO " + role));
  }
  // In the logical database, as its owner or, with admin, as the platform.
  Task<pg::Rows> inside(std::string sql, bool admin = true) {
    pg::ConnectOptions options = server().connect_options(database);
    options.options = "-c default_transaction_read_only=off";
    if (!admin) options.options = "-c role=" + role + " -c search_path=public";
    HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(options));
    co_return co_await connection.query(std::move(sql));
  }
  // As the platform, but with the tenant's objects before the server's.
  Task<pg::Rows> unprotected(std::string sql) {
    pg::ConnectOptions options = server().connect_options(database);
    options.options = "-c search_path=public,pg_catalog";
    HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(options));
    co_return co_await connection.query(std::move(sql));
  }
  asio::awaitable<std::string> seen(std::string sql) {
    const auto rows = co_await inside(std::move(sql));
    EXPECT_TRUE(rows) << rows.error().to_log();
    if (!rows || rows->empty()) co_return "";
    co_return rows->text(0, rows->columns().front());
  }
  Task<json::value> add(std::string name, json::object more = {}) {
    more["name"] = std::move(name);
    co_return co_await call(Method::post, path, std::move(more));
  }
  asio::awaitable<std::string> place_of(std::string name) {
    co_return co_await seen(
        "SELECT n.nspname || ' ' || r.rolname FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = extnamespace JOIN pg_roles r ON r.oid = extowner "
        "WHERE extname = '" +
        name + "'");
  }

  std::string base, path, database, role;
};

asio::awaitable<void> ExtensionsTest::installs() {
  co_await make();
  const auto added = co_await add("pg_trgm");
  EXPECT_EQ(code_of(added), "ok");
  if (!added) co_return;
  const json::value& place = added->at("data").at("installed").at(0);
  EXPECT_EQ(place.at("database").as_string(), database);
  EXPECT_EQ(place.at("schema").as_string(), "public");
  EXPECT_EQ(co_await place_of("pg_trgm"), "public " + role);
  EXPECT_EQ(co_await seen("SELECT public.similarity('word', 'word')::text"), "1");
  // Not trusted by the server: the platform's.
  EXPECT_TRUE(co_await inside("CREATE SCHEMA mine"));
  EXPECT_EQ(code_of(co_await add("bloom", {{"schema", "mine"}})), "ok");
  EXPECT_EQ(co_await place_of("bloom"), "mine howdah_admin");
  EXPECT_EQ(co_await seen("SELECT count(*)::text FROM pg_namespace WHERE nspname ~ '^howdah'"),
            "0");
  EXPECT_EQ(code_of(co_await add("pg_trgm")), "conflict");

  EXPECT_EQ(code_of(co_await call(Method::del, path + "/pg_trgm")), "ok");
  EXPECT_EQ(co_await place_of("pg_trgm"), "");
  EXPECT_EQ(code_of(co_await call(Method::del, path + "/pg_trgm")), "not_found");
  EXPECT_EQ(co_await ask("SELECT string_agg(action, ' ' ORDER BY position) FROM "
                         "howdah.audit_logs WHERE action LIKE 'extension%'"),
            "extension.create extension.create extension.create extension.delete "
            "extension.delete");
}
TEST_F(ExtensionsTest, an_extension_is_installed_and_removed_with_a_trace) {
  run(installs());
}

// Whatever a tenant has put into public, none of it is called with the platform's rights.
asio::awaitable<void> ExtensionsTest::meets_traps() {
  co_await make();
  // Functions and operators of the names that scripts use, better matches than the real ones.
  for (const char* trap :
       {"CREATE FUNCTION public.trap() RETURNS bool LANGUAGE plpgsql "
        "SET search_path = pg_catalog AS $$ BEGIN "
        "IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN "
        "RAISE EXCEPTION 'trap sprung as %', current_user; END IF; RETURN true; END $$",
        "CREATE FUNCTION public.eq_trap(name, name) RETURNS bool LANGUAGE sql AS "
        "'SELECT public.trap()'",
        "CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = name, FUNCTION = public.eq_trap)",
        "CREATE FUNCTION public.similarity(text, text) RETURNS real LANGUAGE sql AS "
        "'SELECT 1::real WHERE public.trap()'",
        "CREATE FUNCTION public.cube_out(text) RETURNS cstring LANGUAGE sql AS "
        "'SELECT NULL::cstring WHERE public.trap()'"}) {
    (void)co_await inside(trap, false);
  }
  // Control: a session of the platform's that looks where the tenant has its objects, asking what
  // an installation asks first.
  const auto sprung = co_await unprotected(
      "SELECT FROM pg_catalog.pg_extension e "
      "WHERE e.extname = 'plpgsql'::name");
  EXPECT_FALSE(sprung) << "the trap is not one";
  if (!sprung) {
    EXPECT_NE(sprung.error().to_log().find("trap sprung"), std::string::npos)
        << sprung.error().to_log();
  }
  // Its settings do not reach the platform's session either.
  EXPECT_TRUE(co_await inside("ALTER DATABASE " + database + " SET search_path = public"));
  EXPECT_TRUE(co_await inside("ALTER DATABASE " + database + " SET role = '" + role + "'"));
  EXPECT_TRUE(
      co_await inside("ALTER DATABASE " + database + " SET default_transaction_read_only = on"));
  for (const char* name : {"citext", "hstore", "ltree", "cube", "intarray", "bloom", "unaccent",
                           "uuid-ossp", "pgcrypto", "btree_gist", "isn", "tablefunc"}) {
    EXPECT_EQ(code_of(co_await add(name)), "ok") << name;
  }
  // An object of the tenant's that has the name of one of the extension's stays, and is told.
  const auto taken = co_await add("pg_trgm");
  EXPECT_EQ(code_of(taken), "conflict");
  EXPECT_NE(taken.error().message.find("similarity"), std::string::npos) << taken.error().message;
  EXPECT_EQ(co_await place_of("pg_trgm"), "");
  EXPECT_EQ(co_await seen("SELECT proowner::regrole::text FROM pg_proc WHERE proname = "
                          "'similarity'"),
            role);
  // Elsewhere there is room.
  EXPECT_TRUE(co_await inside("CREATE SCHEMA mine"));
  EXPECT_EQ(code_of(co_await add("pg_trgm", {{"schema", "mine"}})), "ok");
}
TEST_F(ExtensionsTest, traps_in_the_schema_are_not_sprung) {
  run(meets_traps());
}

asio::awaitable<void> ExtensionsTest::requires_another() {
  co_await make();
  const auto early = co_await add("earthdistance");
  EXPECT_EQ(code_of(early), "conflict");
  EXPECT_EQ(early.error().message, "earthdistance needs cube");
  EXPECT_EQ(code_of(co_await add("cube")), "ok");
  EXPECT_EQ(code_of(co_await add("earthdistance")), "ok");
  EXPECT_EQ((co_await place_of("cube")).substr(0, 6), "public");
  EXPECT_EQ((co_await place_of("earthdistance")).substr(0, 6), "public");
  const auto works = co_await inside(
      "SELECT (earth_distance(ll_to_earth(0, 0), ll_to_earth(0, 1)) > 111000)::text", false);
  EXPECT_TRUE(works) << works.error().to_log();
}
TEST_F(ExtensionsTest, what_an_extension_requires_moves_along_and_back) {
  run(requires_another());
}

asio::awaitable<void> ExtensionsTest::keeps_what_is_used() {
  co_await make();
  EXPECT_EQ(code_of(co_await add("hstore")), "ok");
  EXPECT_TRUE(co_await inside("CREATE TABLE t (h hstore)", false));
  const auto kept = co_await call(Method::del, path + "/hstore");
  EXPECT_EQ(code_of(kept), "conflict");
  EXPECT_NE(kept.error().message.find("table"), std::string::npos) << kept.error().message;
  EXPECT_EQ(co_await seen("SELECT count(*)::text FROM pg_class WHERE relname = 't'"), "1");
}
TEST_F(ExtensionsTest, nothing_that_depends_on_an_extension_is_dropped) {
  run(keeps_what_is_used());
}

asio::awaitable<void> ExtensionsTest::refuses() {
  co_await make();
  EXPECT_EQ(code_of(co_await add("dblink")), "unprocessable");
  EXPECT_EQ(code_of(co_await add("vector")), "unsupported");  // not on this machine
  EXPECT_EQ(code_of(co_await add("citext", {{"database", "none"}})), "not_found");
  EXPECT_EQ(code_of(co_await add("citext", {{"database", "postgres"}})), "not_found");
  EXPECT_EQ(code_of(co_await add("citext", {{"database", "postgres_control"}})), "not_found");
  EXPECT_EQ(code_of(co_await add("citext", {{"schema", "none"}})), "not_found");
  EXPECT_EQ(code_of(co_await call(Method::del, path + "/plpgsql")), "unprocessable");
  EXPECT_EQ(
      code_of(co_await call(Method::del, path + "/citext", nullptr, {{"database", "template1"}})),
      "not_found");
}
TEST_F(ExtensionsTest, what_is_not_the_tenants_or_not_there_is_refused) {
  run(refuses());
}

asio::awaitable<void> ExtensionsTest::sleeps() {
  co_await make();
  EXPECT_EQ(code_of(co_await add("citext")), "ok");
  const InstanceId id = node->instances.begin()->first;
  node->change(id, nodeapi::InstanceState::stopped, "idle");
  co_await net::sleep_for(milliseconds{100});
  const auto listed = co_await get(path);
  EXPECT_EQ(code_of(listed), "ok");
  for (const json::value& row : listed->at("data").as_array()) {
    if (row.at("name").as_string() != "citext") continue;
    EXPECT_EQ(row.at("installed").as_array().size(), 1U);
    EXPECT_TRUE(row.at("sampled_at").is_string());
  }
  EXPECT_EQ(node->wakes, 0) << "a list wakes nothing";
  EXPECT_EQ(code_of(co_await add("hstore")), "ok");
  EXPECT_EQ(node->wakes, 1) << "a change wakes it";
}
TEST_F(ExtensionsTest, a_sleeping_database_is_told_of_as_it_was_seen_last) {
  run(sleeps());
}

asio::awaitable<void> ExtensionsTest::lists_databases() {
  co_await make();
  EXPECT_TRUE(co_await inside("CREATE DATABASE extra OWNER " + role));
  const auto listed = co_await get(base + "/logical-databases");
  EXPECT_EQ(code_of(listed), "ok");
  const auto kind_of = [](const json::value& answer, std::string_view name) {
    for (const json::value& row : answer.at("data").as_array()) {
      if (row.at("name").as_string() == name) return std::string(row.at("kind").as_string());
    }
    return std::string();
  };
  EXPECT_EQ(kind_of(*listed, database), "main");
  EXPECT_EQ(kind_of(*listed, "extra"), "user");
  EXPECT_EQ(kind_of(*listed, "postgres"), "maintenance");
  EXPECT_EQ(kind_of(*listed, "template1"), "");
  EXPECT_TRUE(co_await inside("DROP DATABASE extra"));
  const InstanceId id = node->instances.begin()->first;
  node->change(id, nodeapi::InstanceState::stopped, "idle");
  co_await net::sleep_for(milliseconds{100});
  EXPECT_EQ(kind_of((co_await get(base + "/logical-databases")).value(), "extra"), "user")
      << "asleep: as it was seen last";
  EXPECT_EQ(node->wakes, 0);
}
TEST_F(ExtensionsTest, logical_databases_made_by_sql_are_listed) {
  run(lists_databases());
}

}  // namespace
}  // namespace howdah::control
