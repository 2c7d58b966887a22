// SPDX-License-Identifier: Apache-2.0
// Clients and pools on a running service; the gate that tells of them is a fake.
#include "control/test_service.h"

namespace howdah::control {
namespace {

using http::Method;
using testing::code_of;

class ClientsTest : public testing::ServiceTest {
 protected:
  // The bodies of the tests.
  asio::awaitable<void> lists();
  asio::awaitable<void> cuts();
  asio::awaitable<void> is_alone();

  asio::awaitable<void> make() {
    router_.add(Method::get, "/v1/clients", std::bind_front(&ClientsTest::clients, this));
    router_.add(Method::get, "/v1/pools", std::bind_front(&ClientsTest::pools, this));
    router_.add(Method::del, "/v1/clients/{number}", std::bind_front(&ClientsTest::cut, this));
    server_.emplace(io.get_executor(), router_);
    server_->serve(
        net::listen_unix(io.get_executor(), (config.runtime_dir / "gate.sock").string(), 0600)
            .value());
    const auto made = co_await create("db");
    EXPECT_TRUE(made) << made.error().to_log();
    path = "/api/databases/" + std::string(made->at("id").as_string());
  }
  asio::awaitable<void> end() {
    co_await server_->stop(milliseconds{100});
    server_.reset();
  }

  static std::string value_of(const http::Request& request, std::string_view name) {
    for (const auto& [key, value] : request.query) {
      if (key == name) return value;
    }
    return "";
  }
  Task<http::Response> clients(http::Request request) {
    asked_branch = value_of(request, "branch");
    const std::string after = value_of(request, "after");
    json::array rows;
    for (int number = after.empty() ? 1 : std::stoi(after) + 1; number <= 3; ++number) {
      if (rows.size() == std::stoul(value_of(request, "limit"))) break;
      rows.push_back(json::object{{"number", number},
                                  {"port", "direct"},
                                  {"role", "user_x"},
                                  {"database", "d"},
                                  {"client_address", "127.0.0.1"},
                                  {"application_name", "app"}});
    }
    co_return http::json_response(200, json::object{{"gate_id", "ab12"}, {"clients", rows}});
  }
  Task<http::Response> pools(http::Request) {
    const json::array rows{json::object{{"role", "user_x"}, {"clients", 3}}};
    co_return http::json_response(200, json::object{{"gate_id", "ab12"}, {"pools", rows}});
  }
  Task<http::Response> cut(http::Request request) {
    was_cut += request.parameters.at("number") + " ";
    co_return http::json_response(200, json::object());
  }

  std::string path, asked_branch, was_cut;

 private:
  http::Router router_;
  std::optional<http::Server> server_;
};

asio::awaitable<void> ClientsTest::lists() {
  co_await make();
  const auto first = co_await get(path + "/clients", {{"limit", "2"}});
  EXPECT_EQ(code_of(first), "ok");
  EXPECT_EQ(asked_branch, node->instances.begin()->second.token);
  const json::array& rows = first->at("data").as_array();
  EXPECT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows.at(0).at("id").as_string(), "ab12-1");
  EXPECT_EQ(rows.at(0).at("branch").as_string(), "main");
  EXPECT_FALSE(rows.at(0).as_object().contains("number"));
  const std::string cursor(first->at("meta").at("next_cursor").as_string());
  const auto rest = co_await get(path + "/clients", {{"limit", "2"}, {"cursor", cursor}});
  EXPECT_EQ(rest->at("data").at(0).at("id").as_string(), "ab12-3");
  EXPECT_FALSE(rest->as_object().contains("meta"));
  const auto pools = co_await get(path + "/pools");
  EXPECT_EQ(pools->at("data").at(0).at("branch").as_string(), "main");
  EXPECT_EQ(code_of(co_await get(path + "/clients", {{"branch", "pr-1"}})), "not_found");
  co_await end();
}
TEST_F(ClientsTest, clients_and_pools_are_those_of_the_branch) {
  run(lists());
}

asio::awaitable<void> ClientsTest::cuts() {
  co_await make();
  EXPECT_EQ(code_of(co_await call(Method::del, path + "/clients/ab12-2")), "ok");
  EXPECT_EQ(was_cut, "2 ");
  EXPECT_EQ(co_await ask("SELECT subject || ' ' || (details ->> 'role') FROM howdah.audit_logs "
                         "WHERE action = 'client.cut'"),
            "client:ab12-2 user_x");
  // Another gate's, gone, and no id at all.
  for (const char* wrong : {"ff-2", "ab12-9", "ab12-0", "ab12", "2", "ab12-2x", "-"}) {
    EXPECT_EQ(code_of(co_await call(Method::del, path + "/clients/" + wrong)), "not_found")
        << wrong;
  }
  EXPECT_EQ(was_cut, "2 ");
  co_await end();
}
TEST_F(ClientsTest, one_client_is_cut_with_a_trace) {
  run(cuts());
}

asio::awaitable<void> ClientsTest::is_alone() {
  co_await make();
  co_await end();
  EXPECT_EQ(code_of(co_await get(path + "/clients")), "unavailable");
  EXPECT_EQ(code_of(co_await get(path + "/pools")), "unavailable");
}
TEST_F(ClientsTest, without_a_gate_it_says_so) {
  run(is_alone());
}

}  // namespace
}  // namespace howdah::control
