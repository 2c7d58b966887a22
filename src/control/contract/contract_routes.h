// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json, the HTTP contract as it was compiled in, and GET /docs, a page that lists it.
#pragma once
#include <string>

#include "control/platform.h"

namespace howdah::control {

// One table of all calls, as HTML without anything from another host.
std::string contract_page(const boost::json::value& contract);

class ContractRoutes : public Feature {
 public:
  ContractRoutes();
  void add_routes(Routes& routes) override;

 private:
  Task<http::Response> contract(Call call);
  Task<http::Response> docs(Call call);

  std::string contract_;  // empty: this binary was built without one
  std::string page_;
};

}  // namespace howdah::control
