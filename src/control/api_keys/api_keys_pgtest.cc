// SPDX-License-Identifier: Apache-2.0
// API keys over the real HTTP server, on TCP and on the control socket.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "control/test_service.h"
#include "net/connection.h"

namespace howdah::control {
namespace {

class ApiKeysHttp : public testing::ServiceTest {
 public:
  // Over TCP, where nobody is trusted. Returns: the status, 0 when nobody answered.
  asio::awaitable<int> status_of(std::string key, std::string path = "/api/keys",
                                 std::string header = "X-API-Key: ") {
    net::Tcp::socket socket(io);
    const auto port = static_cast<std::uint16_t>(service->ready().at("http_port").to_number<int>());
    auto [error] =
        co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, net::kToken);
    EXPECT_FALSE(error) << error.message();
    std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", path);
    if (!key.empty()) request += header + key + "\r\n";
    request += "\r\n";
    co_await asio::async_write(socket, asio::buffer(request), net::kToken);
    std::string answer;
    co_await asio::async_read(socket, asio::dynamic_buffer(answer), net::kToken);
    co_return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
  }
  asio::awaitable<json::object> make(json::object body) {
    const auto made = co_await call(http::Method::post, "/api/keys", std::move(body));
    EXPECT_TRUE(made) << made.error().to_log();
    co_return made ? made->at("data").as_object() : json::object{};
  }
  static std::string text(const json::object& object, std::string_view name) {
    return std::string(object.at(name).as_string());
  }
};

TEST_F(ApiKeysHttp, a_key_opens_what_its_scope_allows_by_either_header) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const auto admin = co_await t->make({{"name", "ci"}, {"scope", "admin"}});
    const auto read = co_await t->make({{"name", "board"}});
    EXPECT_EQ(admin.at("scopes"), json::array{"admin"});
    EXPECT_EQ(read.at("scope"), "read");
    EXPECT_EQ(co_await t->status_of(text(admin, "key")), 200);
    EXPECT_EQ(co_await t->status_of(text(admin, "key"), "/api/keys", "Authorization: Bearer "),
              200);
    EXPECT_EQ(co_await t->status_of(text(admin, "key"), "/api/keys", "Authorization: Basic "), 401);
    EXPECT_EQ(co_await t->status_of(text(read, "key")), 403);
    EXPECT_EQ(co_await t->status_of(text(read, "key"), "/api/operations"), 200);
    EXPECT_EQ(co_await t->status_of("", "/api/operations"), 401);
    EXPECT_EQ(co_await t->status_of("", "/ca.crt"), 200);
  }(this));
}

TEST_F(ApiKeysHttp, a_wrong_key_is_refused_however_near_it_is) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const std::string key = text(co_await t->make({{"name", "ci"}, {"scope", "admin"}}), "key");
    std::string other = key;
    other.back() = other.back() == 'x' ? 'y' : 'x';
    EXPECT_EQ(co_await t->status_of(other), 401);
    EXPECT_EQ(co_await t->status_of(key + "x"), 401);
    EXPECT_EQ(co_await t->status_of(key.substr(0, key.size() - 1)), 401);
    EXPECT_EQ(co_await t->status_of("x"), 401);
    EXPECT_EQ(co_await t->status_of(std::string(10'000, 'x')), 401);
  }(this));
}

TEST_F(ApiKeysHttp, a_revoked_key_is_refused_once_the_call_is_answered) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const auto made = co_await t->make({{"name", "ci"}, {"scope", "admin"}});
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 200);
    EXPECT_TRUE(co_await t->call(http::Method::del, "/api/keys/" + text(made, "id")));
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 401);
    EXPECT_EQ(co_await t->ask("SELECT string_agg(action, ' ' ORDER BY position) "
                              "FROM howdah.audit_logs WHERE action LIKE 'api_key%'"),
              "api_key.create api_key.revoke");
    // Also after a restart.
    co_await t->stop_service();
    co_await t->start_service();
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 401);
  }(this));
}

TEST_F(ApiKeysHttp, a_revocation_may_demand_the_key_that_the_caller_knows) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const auto made = co_await t->make({{"name", "ci"}, {"scope", "admin"}});
    const auto other = co_await t->make({{"name", "other"}});
    http::Request request{.method = http::Method::del, .path = "/api/keys/" + text(made, "id")};
    const auto send = [&](const std::string& etag) {
      request.headers["If-Match"] = etag;
      return t->client->send(request, milliseconds{20'000});
    };
    EXPECT_EQ((co_await send(text(other, "etag")))->status, 412);
    EXPECT_EQ((co_await send("ci"))->status, 400);
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 200) << "nothing was done";
    // That it was used meanwhile does not make it another key, nor that it is revoked already.
    const auto listed = co_await t->get("/api/keys");
    EXPECT_EQ(listed->at("data").at(0).at("id"), made.at("id"));
    const std::string etag(listed->at("data").at(0).at("etag").as_string());
    for (int i = 0; i < 2; ++i) {
      const auto revoked = co_await send(i == 0 ? text(made, "etag") : etag);
      EXPECT_EQ(revoked->status, 200);
      EXPECT_TRUE(revoked->headers.contains("ETag"));
    }
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 401);
  }(this));
}

TEST_F(ApiKeysHttp, an_expired_key_is_refused_at_its_time) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const auto made = co_await t->make(
        {{"name", "ci"}, {"scope", "admin"}, {"expiresAt", to_rfc3339(now() + milliseconds{700})}});
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 200);
    co_await net::sleep_for(milliseconds{750});
    EXPECT_EQ(co_await t->status_of(text(made, "key")), 401);
  }(this));
}

TEST_F(ApiKeysHttp, wrong_fields_are_named) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    for (const json::object& body : std::initializer_list<json::object>{
             {},
             {{"name", ""}},
             {{"name", std::string(201, 'x')}},
             {{"name", "x"}, {"scope", "root"}},
             {{"name", "x"}, {"scope", "read"}, {"scopes", {"read"}}},
             {{"name", "x"}, {"expiresAt", "yesterday"}},
             {{"name", "x"}, {"expiresAt", "2020-01-01T00:00:00Z"}},
             {{"name", "x"}, {"databaseId", "x"}},
             {{"name", "x"}, {"color", "red"}}}) {
      const auto made = co_await t->call(http::Method::post, "/api/keys", body);
      EXPECT_EQ(testing::code_of(made), "invalid_request") << json::serialize(body);
    }
    const auto none =
        co_await t->call(http::Method::post, "/api/keys",
                         {{"name", "x"}, {"databaseId", "0b5ad3f2-3d3e-4c0e-9a5c-0f3f7c1d2e4b"}});
    EXPECT_EQ(testing::code_of(none), "not_found");
    const auto gone = co_await t->call(http::Method::del, "/api/keys/nonsense");
    EXPECT_EQ(testing::code_of(gone), "not_found");
  }(this));
}

TEST_F(ApiKeysHttp, the_catalog_holds_no_key) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const std::string key = text(co_await t->make({{"name", "ci"}}), "key");
    EXPECT_EQ(co_await t->ask("SELECT count(*) FROM howdah.api_keys k WHERE k::text LIKE '%" +
                              key.substr(13) + "%'"),
              "0");
    const auto list = co_await t->get("/api/keys");
    EXPECT_TRUE(list);
    EXPECT_EQ(json::serialize(*list).find(key.substr(13)), std::string::npos);
  }(this));
}

TEST_F(ApiKeysHttp, last_use_is_written_at_the_end) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const std::string key = text(co_await t->make({{"name", "ci"}, {"scope", "admin"}}), "key");
    EXPECT_EQ(co_await t->status_of(key), 200);
    EXPECT_EQ(co_await t->ask("SELECT count(last_used_at) FROM howdah.api_keys"), "0");
    co_await t->stop_service();
    EXPECT_EQ(co_await t->ask("SELECT count(last_used_at) FROM howdah.api_keys"), "1");
  }(this));
}

TEST_F(ApiKeysHttp, a_session_key_survives_a_restart_of_howdahd_and_is_not_in_the_catalog) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const std::string key = text(co_await t->make({{"name", "up"}, {"session", true}}), "key");
    EXPECT_EQ(co_await t->status_of(key), 200);
    co_await t->stop_service();
    co_await t->start_service();
    EXPECT_EQ(co_await t->status_of(key), 200);
    EXPECT_EQ(co_await t->ask("SELECT count(*) FROM howdah.api_keys"), "0");
  }(this));
}

TEST_F(ApiKeysHttp, more_session_keys_than_howdahd_keeps_are_refused) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    for (std::size_t made = 0; made < SessionKeys::kKeysMax; ++made) {
      co_await t->make({{"name", "up"}, {"session", true}});
    }
    const json::object one_more{{"name", "up"}, {"session", true}};
    const auto refused = co_await t->call(http::Method::post, "/api/keys", one_more);
    EXPECT_EQ(testing::code_of(refused), "rate_limited");
  }(this));
}

TEST_F(ApiKeysHttp, a_session_key_ends_with_its_process) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    const auto child = os::spawn({.arguments = {"/bin/sleep", "60"}});
    EXPECT_TRUE(child);
    SessionKeys sessions(t->folder.path() / "sessions.json");
    ApiKey key;
    key.prefix = "abcdefgh";
    key.hash = std::string(32, 'x');
    EXPECT_TRUE(sessions.add(key, child->pid()));
    EXPECT_NE(sessions.find("abcdefgh"), nullptr);
    SessionKeys reloaded(t->folder.path() / "sessions.json");
    reloaded.load();
    EXPECT_NE(reloaded.find("abcdefgh"), nullptr);
    EXPECT_TRUE(child->signal(SIGKILL));
    while (!os::Process(std::move(*os::Process::adopt(child->pid()))).reap()) {
      co_await net::sleep_for(milliseconds{5});
    }
    EXPECT_EQ(sessions.find("abcdefgh"), nullptr);
    EXPECT_EQ(reloaded.find("abcdefgh"), nullptr);
    SessionKeys later(t->folder.path() / "sessions.json");
    later.load();
    EXPECT_EQ(later.find("abcdefgh"), nullptr);
  }(this));
}

TEST_F(ApiKeysHttp, a_preset_key_is_taken_once_replaced_by_another_and_stays_revoked) {
  const os::Path file = folder.path() / "preset";
  config.preset_key_file = file;
  ASSERT_TRUE(os::write_file_atomic(file, "first-preset-key-of-the-ci\n"));
  run([](ApiKeysHttp* t, os::Path path) -> asio::awaitable<void> {
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(co_await t->status_of("first-preset-key-of-the-ci"), 200);
    // A restart with the same flags, the file gone.
    co_await t->stop_service();
    co_await t->start_service();
    EXPECT_EQ(co_await t->status_of("first-preset-key-of-the-ci"), 200);
    co_await t->stop_service();
    EXPECT_TRUE(os::write_file_atomic(path, "second-preset-key-of-the-ci"));
    co_await t->start_service();
    EXPECT_EQ(co_await t->status_of("first-preset-key-of-the-ci"), 401);
    EXPECT_EQ(co_await t->status_of("second-preset-key-of-the-ci"), 200);
    const std::string id =
        co_await t->ask("SELECT id FROM howdah.api_keys WHERE revoked_at IS NULL");
    EXPECT_TRUE(co_await t->call(http::Method::del, "/api/keys/" + id));
    co_await t->stop_service();
    EXPECT_TRUE(os::write_file_atomic(path, "second-preset-key-of-the-ci"));
    co_await t->start_service();
    EXPECT_EQ(co_await t->status_of("second-preset-key-of-the-ci"), 401);
  }(this, file));
}

TEST_F(ApiKeysHttp, the_recovery_key_is_shown_once_and_again_only_on_the_machine) {
  run([](ApiKeysHttp* t) -> asio::awaitable<void> {
    EXPECT_TRUE(t->service->ready().contains("recovery_key"));
    EXPECT_EQ(t->service->ready().at("first_start"), true);
    const std::string admin = text(co_await t->make({{"name", "a"}, {"scope", "admin"}}), "key");
    const auto again = co_await t->call(http::Method::post, "/internal/recovery-key");
    EXPECT_TRUE(again);
    if (again) {
      EXPECT_EQ(again->at("data").at("recovery_key"), t->service->ready().at("recovery_key"));
    }
    EXPECT_EQ(co_await t->ask("SELECT count(*) FROM howdah.audit_logs "
                              "WHERE action = 'recovery_key.show'"),
              "2");
    co_await t->stop_service();
    co_await t->start_service();
    EXPECT_FALSE(t->service->ready().contains("recovery_key"));
    EXPECT_EQ(t->service->ready().at("first_start"), false);
  }(this));
}

}  // namespace
}  // namespace howdah::control
