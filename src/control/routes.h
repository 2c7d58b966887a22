// SPDX-License-Identifier: Apache-2.0
// The API's routes, each with the access it needs: a route cannot be added without saying who may
// call it, and one that was added to the router behind this class's back answers 403.
// Used on the loop's thread only.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "control/principal.h"
#include "http/router.h"

namespace howdah::control {

// open: anybody. read, write, admin: a key of that scope or wider, or a trusted local uid.
// local: only a trusted uid on the control socket.
enum class Access { open, read, write, admin, local };

struct Call {
  http::Request request;
  Principal caller;
};

// A coroutine that is a bound member function, as http::Handler:
//   routes.add(http::Method::get, "/api/databases/{id}", Access::read,
//              std::bind_front(&DatabaseRoutes::show, this));
using CallHandler = std::function<Task<http::Response>(Call)>;
// Finds out who calls. Errors: unauthorized.
using Authenticate = std::function<Result<Principal>(const http::Request&)>;

class Routes {
 public:
  // router must outlive this object, and this object the router's last request.
  Routes(http::Router& router, Authenticate authenticate);
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  // "/api/..." is also reachable as "/api/v1/...".
  // A key of one database is let through only where the pattern begins with
  // "/api/databases/{id}" and {id} is that database; elsewhere it gets 403, except on routes added
  // with add_for_any_key, whose handlers look at caller.database_id themselves.
  void add(http::Method method, const std::string& pattern, Access access, CallHandler handler);
  void add_for_any_key(http::Method method, const std::string& pattern, Access access,
                       CallHandler handler);
  // As http::Router::after: sees every response.
  void observe(std::function<void(const http::Request&, const http::Response&, milliseconds)> seen);

 private:
  struct Rule {
    Access access;
    bool any_key;
  };
  void add_rule(http::Method method, const std::string& pattern, Rule rule, CallHandler handler);
  Task<http::Response> handle(Rule rule, CallHandler handler, http::Request request);
  Task<void> refuse_undeclared(http::Request& request) const;
  Result<Principal> admit(const Rule& rule, const http::Request& request) const;

  http::Router& router_;
  Authenticate authenticate_;
  std::map<std::pair<http::Method, std::string>, Rule> rules_;
};

}  // namespace howdah::control
