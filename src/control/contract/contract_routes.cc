// SPDX-License-Identifier: Apache-2.0
#include "control/contract/contract_routes.h"

#include "control/embedded.h"
#include "control/envelope.h"
#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::control {
namespace {

constexpr std::string_view kContract = "openapi.json";
constexpr std::string_view kPage = "docs.html";
// Nothing but our own files, and nobody may frame the page: an API key is typed into it.
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string type_of(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  return "application/json";
}

}  // namespace

ContractRoutes::ContractRoutes() {
  for (const EmbeddedFile& file : embedded_contract_files()) {
    File kept{type_of(file.name), file.text, {}};
    kept.etag = '"' + crypto::to_hex(crypto::sha256(file.text)).substr(0, 32) + '"';
    files_.emplace(file.name, std::move(kept));
  }
}

void ContractRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/openapi.json", Access::open,
             std::bind_front(&ContractRoutes::contract, this));
  routes.add(http::Method::get, "/docs", Access::open,
             std::bind_front(&ContractRoutes::page, this));
  routes.add(http::Method::get, "/docs/{asset}", Access::open,
             std::bind_front(&ContractRoutes::asset, this));
}

Result<http::Response> ContractRoutes::answer(std::string_view name,
                                              const http::Request& request) const {
  QueryReader query(request.query);
  HOWDAH_CHECK(query.finish());
  const auto found = files_.find(name);
  if (found == files_.end()) return fail(ErrorCode::not_found, "there is no such file");
  const File& file = found->second;
  http::Response response;
  response.headers["ETag"] = file.etag;
  // Asked about again each time: after an upgrade nobody sees the old page.
  response.headers["Cache-Control"] = "no-cache";
  const auto known = request.headers.find("If-None-Match");
  if (known != request.headers.end() && known->second.find(file.etag) != std::string::npos) {
    response.status = 304;
    return response;
  }
  response.headers["Content-Type"] = file.type;
  if (name == kPage) {
    response.headers["Content-Security-Policy"] = kPolicy;
    response.headers["Referrer-Policy"] = "no-referrer";
  }
  response.body = file.text;
  return response;
}

Task<http::Response> ContractRoutes::contract(Call call) {
  co_return answer(kContract, call.request);
}

Task<http::Response> ContractRoutes::page(Call call) {
  co_return answer(kPage, call.request);
}

Task<http::Response> ContractRoutes::asset(Call call) {
  co_return answer(call.request.parameters.at("asset"), call.request);
}

}  // namespace howdah::control
