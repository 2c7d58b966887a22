// SPDX-License-Identifier: Apache-2.0
// Who may call what is declared twice, for people and for the router; the two must not drift.
#include "control/embedded.h"
#include "control/test_service.h"

namespace howdah::control {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return text;
}

std::string_view contract_text() {
  for (const EmbeddedFile& file : embedded_contract_files()) {
    if (file.name == "openapi.json") return file.text;
  }
  return "{}";
}

// "GET /api/databases/{id} read", with " any" where keys of one database are let through.
std::set<std::string> described() {
  std::set<std::string> lines;
  const json::value contract = parse_json(contract_text()).value();
  for (const auto& [path, calls] : contract.at("paths").as_object()) {
    for (const auto& [method, call] : calls.as_object()) {
      const json::object* operation = call.if_object();
      if (operation == nullptr || !operation->contains("operationId")) continue;
      std::string line = upper(method) + ' ' + std::string(path) + ' ';
      line += std::string(operation->at("x-access").as_string());
      if (operation->contains("x-any-key")) line += " any";
      lines.insert(std::move(line));
    }
  }
  return lines;
}

class AccessTest : public testing::ServiceTest {
 protected:
  asio::awaitable<void> compares() {
    std::set<std::string> declared;
    for (const Routes::Declared& route : service->routes()) {
      std::string line = std::string(http::to_string(route.method)) + ' ' + route.pattern + ' ';
      line.append(to_string(route.access)).append(route.any_key ? " any" : "");
      declared.insert(std::move(line));
    }
    EXPECT_EQ(declared, described());
    co_return;
  }
};

// What needs no key is named here too, so that a route does not become open by a slip in the two
// places that are compared above.
TEST(OpenRoutes, are_these_and_no_others) {
  std::set<std::string> open;
  for (const std::string& line : described()) {
    if (line.ends_with(" open")) open.insert(line.substr(0, line.size() - 5));
  }
  EXPECT_EQ(open, (std::set<std::string>{"GET /ca.crt", "GET /docs", "GET /docs/{file}",
                                         "GET /health", "GET /openapi.json"}));
}

// People and generators of clients read `security`, the router is held against x-access.
TEST(OpenRoutes, are_those_that_the_description_frees_from_a_key) {
  const json::value contract = parse_json(contract_text()).value();
  for (const auto& [path, calls] : contract.at("paths").as_object()) {
    for (const auto& [method, call] : calls.as_object()) {
      const json::object* operation = call.if_object();
      if (operation == nullptr || !operation->contains("operationId")) continue;
      const bool open = operation->at("x-access").as_string() == "open";
      const json::value* security = operation->if_contains("security");
      const bool freed = security != nullptr && security->as_array().empty();
      EXPECT_EQ(open, freed) << std::string_view(method) << ' ' << std::string_view(path);
    }
  }
}

TEST_F(AccessTest, the_description_says_what_the_router_does) {
  run(compares());
}

}  // namespace
}  // namespace howdah::control
