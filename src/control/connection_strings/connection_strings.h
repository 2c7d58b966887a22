// SPDX-License-Identifier: Apache-2.0
// How to connect: masked URLs and snippets for every client, and the audited call that shows the
// password.
// Owner: make_features; on the loop's thread.
#pragma once
#include <string>

#include "control/connection_strings/urls.h"
#include "control/databases/database.h"
#include "control/platform.h"

namespace howdah::control {

// Host and ports as clients reach them. user empty: the owner's name.
Login make_login(const Config& config, const std::string& slug, std::string user,
                 std::string password);
// The URL fields of an answer, in the order of the contract.
void add_urls(boost::json::object& data, const Login& login, const Config& config);
std::string ca_certificate_url(const Config& config);

class ConnectionStrings final : public Feature {
 public:
  explicit ConnectionStrings(Platform& platform) : platform_(platform) {}
  void add_routes(Routes& routes) override;

 private:
  struct Wanted {
    DatabaseId database;
    std::string role;  // empty: the owner
    std::string ca_file;
  };
  static Result<Wanted> read(const http::Request& request);

  Task<http::Response> show(Call call);
  Task<http::Response> reveal(Call call);
  // password: in clear or masked.
  boost::json::object describe(const Database& database, const Wanted& wanted, std::string role,
                               std::string password) const;
  Task<void> audit_reveal(AuditEntry entry, Principal caller, pg::Connection& connection);

  Platform& platform_;
};

}  // namespace howdah::control
