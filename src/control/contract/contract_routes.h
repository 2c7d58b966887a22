// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json, the HTTP contract as it was compiled in, and GET /docs, a page that reads it
// in the browser. Everything comes from this binary; the page may reach no other host.
#pragma once
#include <map>
#include <string>

#include "control/platform.h"

namespace howdah::control {

class ContractRoutes : public Feature {
 public:
  ContractRoutes();
  void add_routes(Routes& routes) override;

 private:
  struct File {
    std::string type;
    std::string_view text;
    std::string etag;
  };
  // Errors: not_found where this binary was built without the file.
  Result<http::Response> answer(std::string_view name, const http::Request& request) const;
  Task<http::Response> contract(Call call);
  Task<http::Response> page(Call call);
  Task<http::Response> asset(Call call);

  std::map<std::string, File, std::less<>> files_;  // "openapi.json", "docs.html", ...
};

}  // namespace howdah::control
