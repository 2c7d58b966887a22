// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json, the HTTP contract as it was compiled in; GET /docs, the page that shows it;
// GET /docs/{file}, what the page is made of (web/reference/).
#pragma once
#include <functional>
#include <map>
#include <string>

#include "control/contract/static_file.h"
#include "control/platform.h"

namespace howdah::control {

class ContractRoutes : public Feature {
 public:
  ContractRoutes();
  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> contract(Call call);
  Task<http::Response> docs(Call call);
  Task<http::Response> docs_file(Call call);
  // Errors: not_found where this binary was built without the file.
  Result<http::Response> answer(std::string_view name, const http::Request& request) const;

  std::map<std::string, StaticFile, std::less<>> files_;  // by name: "openapi.json", "main.js"
};

}  // namespace howdah::control
