// SPDX-License-Identifier: Apache-2.0
// Rotation, and passwords that were set by SQL, on a running service.
#include "control/passwords/passwords.h"

#include "control/test_service.h"

namespace howdah::control {
namespace {

using namespace std::chrono_literals;
using http::Method;
using testing::code_of;

std::string text(const json::value& data, std::string_view name) {
  const json::value* value = data.as_object().if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

class PasswordsTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> rotates();
  asio::awaitable<void> shares();
  asio::awaitable<void> ends();
  asio::awaitable<void> limits();
  asio::awaitable<void> plans();
  asio::awaitable<void> refuses();
  asio::awaitable<void> goes_on();
  asio::awaitable<void> learns();
  asio::awaitable<void> ignores();
  asio::awaitable<void> loses();
  asio::awaitable<void> rights();
  asio::awaitable<void> forgets();
  asio::awaitable<void> sees();

  asio::awaitable<void> make() {
    co_await join(gate);
    const auto made = co_await create("db");
    EXPECT_TRUE(made) << made.error().to_log();
    id = text(*made, "id");
    first = text(*made, "password");
    path = "/api/databases/" + id;
  }
  Task<json::value> rotate(json::object body = {}) {
    HOWDAH_CO_TRY(json::value answer,
                  co_await call(Method::post, path + "/rotate-password", std::move(body)));
    co_return answer.at("data");
  }
  Task<json::value> plan(json::object body = {}) {
    HOWDAH_CO_TRY(json::value answer, co_await call(Method::post, path + "/rotate-password",
                                                    std::move(body), {{"dry_run", "true"}}));
    co_return answer.at("data");
  }
  const Route& route() const { return gate.routes.begin()->second; }
  const RouteRole& role() const { return route().roles.at(0); }
  bool opens(std::size_t index, const std::string& password) const {
    return pgwire::matches_password(
        pgwire::parse_verifier(role().verifiers.at(index).verifier).value(), password);
  }
  RoleChange change(std::string verifier, std::string problem = {}) const {
    RoleChange made{route().branch_id, route().instance_id, role().name};
    made.verifier = std::move(verifier);
    made.problem = std::move(problem);
    made.changed_at = now() + 1ms;
    return made;
  }
  // Until the gate has a route that knows the change.
  asio::awaitable<bool> until_known(Timestamp changed_at) {
    for (int i = 0; i < 300; ++i) {
      if (role().changed_at && *role().changed_at >= changed_at) co_return true;
      co_await net::sleep_for(10ms);
    }
    co_return false;
  }
  static std::string verifier_of(std::string_view password) {
    return pgwire::format_verifier(pgwire::make_verifier(password));
  }

  std::string id, path, first;
};

asio::awaitable<void> PasswordsTest::rotates() {
  co_await make();
  const auto rotated = co_await rotate();
  EXPECT_TRUE(rotated) << rotated.error().to_log();
  if (!rotated) co_return;
  const std::string password = text(*rotated, "password");
  EXPECT_EQ(rotated->at("generation"), 2);
  EXPECT_NE(text(*rotated, "connection_string").find(password), std::string::npos);
  // In force when it is answered, the newest first, the old one with its end.
  EXPECT_EQ(role().verifiers.size(), 2U);
  EXPECT_TRUE(opens(0, password));
  EXPECT_TRUE(opens(1, first));
  EXPECT_EQ(role().verifiers[0].generation, 2);
  EXPECT_FALSE(role().verifiers[0].valid_until);
  EXPECT_NEAR(static_cast<double>((*role().verifiers[1].valid_until - now()).count()), 86'400'000,
              10'000);
  EXPECT_EQ(node->role_verifiers.at(role().name), role().verifiers[0].verifier);
  EXPECT_EQ(co_await ask("SELECT details->>'generation' FROM howdah.audit_logs "
                         "WHERE action = 'password.rotate'"),
            "2");
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.jobs WHERE payload::text LIKE '%" + password +
                         "%' OR payload::text LIKE '%SCRAM%'"),
            "0")
      << "no secret in clear";
  const auto revealed = co_await call(Method::post, path + "/connection-strings/reveal");
  EXPECT_EQ(text(revealed->at("data"), "password"), password);
}
TEST_F(PasswordsTest, a_rotation_is_in_force_everywhere_when_it_is_answered) {
  run(rotates());
}

asio::awaitable<void> PasswordsTest::shares() {
  co_await make();
  EXPECT_TRUE(co_await rotate());
  const auto newer = pgwire::parse_verifier(role().verifiers.at(0).verifier);
  const auto older = pgwire::parse_verifier(role().verifiers.at(1).verifier);
  EXPECT_EQ(newer->salt, older->salt) << "else only one of them could log in";
  EXPECT_TRUE(co_await rotate({{"graceSeconds", 0}}));
  EXPECT_EQ(role().verifiers.size(), 1U);
  EXPECT_NE(pgwire::parse_verifier(role().verifiers.at(0).verifier)->salt, newer->salt);
}
TEST_F(PasswordsTest, passwords_that_are_valid_together_share_one_salt) {
  run(shares());
}

asio::awaitable<void> PasswordsTest::ends() {
  co_await make();
  EXPECT_TRUE(co_await rotate());
  const auto revoked = co_await rotate({{"revokeOld", true}, {"cutSessions", true}});
  EXPECT_EQ(revoked->at("passwords_ended"), 1);
  EXPECT_EQ(role().verifiers.size(), 1U);
  EXPECT_EQ(role().verifiers[0].generation, 2);
  EXPECT_TRUE(role().cut_before);
  const auto again = co_await rotate({{"revokeOld", true}});
  EXPECT_EQ(again->at("passwords_ended"), 0);
}
TEST_F(PasswordsTest, old_passwords_end_early_on_request) {
  run(ends());
}

asio::awaitable<void> PasswordsTest::limits() {
  co_await make();
  for (int i = 2; i <= kValidMax; ++i) EXPECT_TRUE(co_await rotate());
  EXPECT_EQ(code_of(co_await rotate()), "limit_reached");
  EXPECT_TRUE(co_await rotate({{"graceSeconds", 0}}));
  EXPECT_TRUE(co_await rotate());
}
TEST_F(PasswordsTest, the_passwords_of_a_role_that_are_valid_at_once_have_a_maximum) {
  run(limits());
}

asio::awaitable<void> PasswordsTest::plans() {
  co_await make();
  EXPECT_TRUE(co_await rotate());
  const RouteRole before = role();
  const auto state =
      "SELECT (SELECT count(*) FROM howdah.credentials) || ' ' || "
      "(SELECT count(*) FROM howdah.audit_logs) || ' ' || "
      "(SELECT count(*) FROM howdah.jobs)";
  const std::string was = co_await ask(state);
  const auto planned = co_await plan();
  EXPECT_EQ(code_of(planned), "ok");
  EXPECT_EQ(planned->at("action"), "password.rotate");
  EXPECT_EQ(planned->at("changes"),
            parse_json(R"({"generation":{"from":2,"to":3},"valid_passwords":{"from":2,"to":3}})"));
  EXPECT_EQ(planned->at("steps").as_array().size(), 3U);
  EXPECT_EQ(planned->at("sessions_cut"), 0);
  EXPECT_FALSE(planned->as_object().contains("password"));
  const auto sharp = co_await plan({{"graceSeconds", 0}, {"cutSessions", true}});
  EXPECT_EQ(sharp->at("changes").at("valid_passwords").at("to"), 1);
  EXPECT_TRUE(sharp->at("sessions_cut").is_null());
  const auto revoked = co_await plan({{"revokeOld", true}});
  EXPECT_EQ(revoked->at("action"), "password.revoke_old");
  EXPECT_EQ(revoked->at("changes"), parse_json(R"({"valid_passwords":{"from":2,"to":1}})"));
  EXPECT_EQ(co_await ask(state), was);
  EXPECT_EQ(role().verifiers.size(), before.verifiers.size());
  // What the real call would refuse, the plan refuses as well.
  EXPECT_EQ(code_of(co_await plan({{"role", "nobody"}})), "not_found");
  for (int i = 3; i <= kValidMax; ++i) EXPECT_TRUE(co_await rotate());
  EXPECT_EQ(code_of(co_await plan()), "limit_reached");
}
TEST_F(PasswordsTest, a_plan_tells_what_a_rotation_would_do_and_changes_nothing) {
  run(plans());
}

asio::awaitable<void> PasswordsTest::refuses() {
  co_await make();
  for (const json::object& body :
       {json::object{{"graceSeconds", -1}}, json::object{{"graceSeconds", kGraceMax.count() + 1}},
        json::object{{"revokeOld", true}, {"graceSeconds", 0}}, json::object{{"role", ""}},
        json::object{{"x", 1}}}) {
    EXPECT_EQ(code_of(co_await rotate(body)), "invalid_request") << json::serialize(body);
  }
  EXPECT_EQ(code_of(co_await rotate({{"role", "nobody"}})), "not_found");
  EXPECT_EQ(role().verifiers.size(), 1U);
  for (const char* other : {"nope", "00000000-0000-4000-8000-00000000dead"}) {
    path = std::string("/api/databases/") + other;
    EXPECT_EQ(code_of(co_await rotate()), "not_found");
    EXPECT_EQ(code_of(co_await rotate({{"revokeOld", true}})), "not_found");
    EXPECT_EQ(code_of(co_await get(path + "/credentials")), "not_found");
  }
  path = "/api/databases/" + id;
  EXPECT_TRUE(co_await call(Method::del, path));
  EXPECT_EQ(code_of(co_await rotate()), "database_deleted");
  EXPECT_EQ(code_of(co_await get(path + "/credentials")), "database_deleted");
}
TEST_F(PasswordsTest, wrong_requests_change_nothing) {
  run(refuses());
}

// The password is stored before it is in force, and in force before it is inside: without the node
// it is answered, and the job goes on.
asio::awaitable<void> PasswordsTest::goes_on() {
  co_await make();
  node->set_roles_fails = ErrorCode::unavailable;
  const auto rotated = co_await rotate();
  EXPECT_TRUE(rotated) << rotated.error().to_log();
  EXPECT_TRUE(opens(0, text(*rotated, "password")));
  EXPECT_TRUE(node->role_verifiers.empty());
  co_await stop_service();
  node->set_roles_fails.reset();
  co_await start_service();
  for (int i = 0; i < 300 && node->role_verifiers.empty(); ++i) co_await net::sleep_for(20ms);
  EXPECT_EQ(node->role_verifiers.size(), 1U);
}
TEST_F(PasswordsTest, a_rotation_that_was_cut_off_is_finished_by_the_next_process) {
  run(goes_on());
}

asio::awaitable<void> PasswordsTest::learns() {
  co_await make();
  EXPECT_TRUE(co_await rotate());
  const RoleChange set = change(verifier_of("by sql"));
  EXPECT_TRUE(co_await gate.report_roles({set}));
  EXPECT_TRUE(co_await until_known(set.changed_at));
  EXPECT_EQ(role().verifiers.size(), 1U) << "it replaces all";
  EXPECT_TRUE(opens(0, "by sql"));
  EXPECT_EQ(role().verifiers[0].generation, 3);
  EXPECT_TRUE(co_await gate.report_roles({set}));
  EXPECT_EQ(code_of(co_await call(Method::post, path + "/connection-strings/reveal")), "conflict");
  const auto rotated = co_await rotate();
  EXPECT_TRUE(rotated) << rotated.error().to_log();
  EXPECT_TRUE(opens(0, text(*rotated, "password")));
  EXPECT_TRUE(opens(1, "by sql"));
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.audit_logs WHERE action = 'password.change'"),
            "1");
  EXPECT_EQ(co_await ask("SELECT string_agg(generation || ' ' || (sealed_password IS NULL), ',' "
                         "ORDER BY generation) FROM howdah.credentials"),
            "1 false,2 false,3 true,4 false");
}
TEST_F(PasswordsTest, a_password_set_by_sql_becomes_a_generation_that_nobody_can_reveal) {
  run(learns());
}

asio::awaitable<void> PasswordsTest::ignores() {
  co_await make();
  RoleChange late = change(verifier_of("late"));
  late.changed_at = *role().changed_at;
  RoleChange elsewhere = change(verifier_of("elsewhere"));
  elsewhere.instance_id = InstanceId("i-before");
  RoleChange unknown = change(verifier_of("unknown"));
  unknown.role = "nobody";
  RoleChange nowhere = change(verifier_of("nowhere"));
  nowhere.branch_id = BranchId("no uuid");
  RoleChange huge = change("SCRAM-SHA-256$2000000000:" + verifier_of("x").substr(19));
  EXPECT_TRUE(co_await gate.report_roles({late, elsewhere, unknown, nowhere, huge}));
  co_await net::sleep_for(300ms);
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.credentials"), "1");
  EXPECT_TRUE(opens(0, first));
}
TEST_F(PasswordsTest, what_is_late_or_from_elsewhere_or_malformed_is_not_taken) {
  run(ignores());
}

asio::awaitable<void> PasswordsTest::loses() {
  co_await make();
  const RoleChange lost = change("", "md5");
  EXPECT_TRUE(co_await gate.report_roles({lost}));
  EXPECT_TRUE(co_await until_known(lost.changed_at));
  EXPECT_TRUE(role().verifiers.empty());
  EXPECT_EQ(code_of(co_await call(Method::post, path + "/connection-strings/reveal")), "conflict");
  EXPECT_TRUE(co_await get(path + "/connection-strings"))
      << "where to connect is known all the same";
  const auto rows = co_await get(path + "/credentials");
  EXPECT_EQ(rows->at("data").at(0).at("role_problem"), "md5");
  EXPECT_EQ(rows->at("data").at(0).at("valid"), false);
  EXPECT_TRUE(co_await rotate());
  EXPECT_EQ(role().verifiers.size(), 1U);
}
TEST_F(PasswordsTest, a_password_that_cannot_be_used_leaves_none_and_a_rotation_helps) {
  run(loses());
}

asio::awaitable<void> PasswordsTest::rights() {
  co_await make();
  RoleChange locked = change(role().verifiers.at(0).verifier);
  locked.can_login = false;
  locked.valid_until = now() + 24h;
  EXPECT_TRUE(co_await gate.report_roles({locked}));
  EXPECT_TRUE(co_await until_known(locked.changed_at));
  EXPECT_FALSE(role().can_login);
  EXPECT_EQ(role().valid_until, locked.valid_until);
  EXPECT_EQ(role().verifiers.size(), 1U);
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.credentials"), "1");
}
TEST_F(PasswordsTest, rights_that_changed_reach_the_gates_and_make_no_generation) {
  run(rights());
}

asio::awaitable<void> PasswordsTest::forgets() {
  co_await make();
  for (int i = 0; i < 25; ++i) {
    const RoleChange set = change(verifier_of(std::to_string(i)));
    EXPECT_TRUE(co_await gate.report_roles({set}));
    EXPECT_TRUE(co_await until_known(set.changed_at));
  }
  EXPECT_EQ(co_await ask("SELECT count(*) FROM howdah.credentials"),
            std::to_string(password_store::kKept));
  EXPECT_EQ(role().verifiers.at(0).generation, 26);
}
TEST_F(PasswordsTest, old_generations_are_forgotten) {
  run(forgets());
}

asio::awaitable<void> PasswordsTest::sees() {
  co_await make();
  EXPECT_TRUE(co_await rotate());
  const Timestamp at = now();
  EXPECT_TRUE(co_await gate.report_roles({}, {{route().branch_id, role().name, 1, at},
                                              {route().branch_id, "nobody", 1, at},
                                              {BranchId("no uuid"), role().name, 1, at}}));
  co_await net::sleep_for(50ms);
  const auto rows = co_await get(path + "/credentials");
  EXPECT_EQ(rows->at("count"), 2);
  EXPECT_EQ(text(rows->at("data").at(0), "last_seen"), to_rfc3339(at));
  EXPECT_TRUE(rows->at("data").at(1).at("last_seen").is_null());
  EXPECT_EQ(json::serialize(*rows).find("SCRAM"), std::string::npos);
}
TEST_F(PasswordsTest, the_list_tells_when_each_password_was_used_last) {
  run(sees());
}

}  // namespace
}  // namespace howdah::control
