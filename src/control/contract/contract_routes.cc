// SPDX-License-Identifier: Apache-2.0
#include "control/contract/contract_routes.h"

namespace howdah::control {
namespace {

constexpr std::string_view kContract = "openapi.json";
constexpr std::string_view kPage = "index.html";

}  // namespace

ContractRoutes::ContractRoutes() {
  for (const EmbeddedFile& file : embedded_contract_files()) {
    files_.emplace(file.name, make_static_file(file));
  }
  for (const EmbeddedFile& file : embedded_reference_files()) {
    files_.emplace(file.name, make_static_file(file));
  }
}

void ContractRoutes::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/openapi.json", Access::open,
             std::bind_front(&ContractRoutes::contract, this));
  routes.add(http::Method::get, "/docs", Access::open,
             std::bind_front(&ContractRoutes::docs, this));
  routes.add(http::Method::get, "/docs/{file}", Access::open,
             std::bind_front(&ContractRoutes::docs_file, this));
}

Task<http::Response> ContractRoutes::contract(Call call) {
  co_return answer(kContract, call.request);
}

Task<http::Response> ContractRoutes::docs(Call call) {
  co_return answer(kPage, call.request);
}

Task<http::Response> ContractRoutes::docs_file(Call call) {
  co_return answer(call.request.parameters.at("file"), call.request);
}

Result<http::Response> ContractRoutes::answer(std::string_view name,
                                              const http::Request& request) const {
  const auto file = files_.find(name);
  if (file == files_.end()) {
    return fail(ErrorCode::not_found, "no such file belongs to the API reference", "see /docs");
  }
  return respond(file->second, request);
}

}  // namespace howdah::control
