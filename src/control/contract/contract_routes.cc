// SPDX-License-Identifier: Apache-2.0
#include "control/contract/contract_routes.h"

#include <fmt/format.h>

#include "base/json.h"
#include "control/embedded.h"

namespace howdah::control {
namespace {

std::string escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return upper;
}

std::string text_of(const json::value& value, std::string_view name) {
  const json::object* object = value.if_object();
  const json::value* field = object != nullptr ? object->if_contains(name) : nullptr;
  return field != nullptr && field->is_string() ? std::string(field->get_string()) : std::string();
}

constexpr std::string_view kHead =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Howdah API</title><style>"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color-scheme:light dark}td{padding:.2rem 1rem .2rem 0;vertical-align:top}"
    "code{font:13px ui-monospace,monospace}</style>";

}  // namespace

std::string contract_page(const json::value& contract) {
  std::string page(kHead);
  page +=
      "<h1>Howdah API</h1><p>The whole contract: <a href=\"/openapi.json\">openapi.json</a>. "
      "Send a key as <code>X-API-Key</code>.</p><table>";
  const json::object* root = contract.if_object();
  const json::value* paths = root != nullptr ? root->if_contains("paths") : nullptr;
  if (paths != nullptr && paths->is_object()) {
    for (const auto& [path, calls] : paths->get_object()) {
      if (!calls.is_object()) continue;
      for (const auto& [method, call] : calls.get_object()) {
        const std::string summary = text_of(call, "summary");
        if (summary.empty()) continue;  // parameters and the like stand beside the methods
        page += fmt::format("<tr><td><code>{}</code><td><code>{}</code><td>{}",
                            escape(to_upper(method)), escape(path), escape(summary));
      }
    }
  }
  return page + "</table></html>\n";
}

ContractRoutes::ContractRoutes() {
  for (const EmbeddedFile& file : embedded_contract_files()) contract_ = file.text;
  const auto parsed = parse_json(contract_);
  page_ = contract_page(parsed ? *parsed : json::value());
}

void ContractRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/openapi.json", Access::open,
             std::bind_front(&ContractRoutes::contract, this));
  routes.add(http::Method::get, "/docs", Access::open,
             std::bind_front(&ContractRoutes::docs, this));
}

Task<http::Response> ContractRoutes::contract(Call) {
  if (contract_.empty()) {
    co_return fail(ErrorCode::not_found, "this build holds no API description");
  }
  http::Response response;
  response.headers["Content-Type"] = "application/json";
  response.body = contract_;
  co_return response;
}

Task<http::Response> ContractRoutes::docs(Call) {
  http::Response response;
  response.headers["Content-Type"] = "text/html; charset=utf-8";
  response.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'";
  response.body = page_;
  co_return response;
}

}  // namespace howdah::control
