// SPDX-License-Identifier: Apache-2.0
// The API's routes, each with the access it needs: a route cannot be added without saying who may
// call it, and where one was added to the router behind this class's back howdahd does not start
// (and the route would answer 403).
// Used on the loop's thread only.
#pragma once
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/answer_cache.h"
#include "control/limits/rate_limits.h"
#include "control/principal.h"
#include "http/router.h"

namespace howdah::control {

// open: anybody. read, write, admin: a key of that scope or wider, or a trusted local uid.
// local: only a trusted uid on the control socket.
enum class Access { open, read, write, admin, local };
std::string_view to_string(Access access);

struct Call {
  http::Request request;
  Principal caller;
  // The same request came before, and howdahd ended before it answered: this is the job that
  // carries it on (idempotency/effect.h). Only where the handler tied one.
  std::optional<OperationId> earlier_job = {};
};

// A coroutine that is a bound member function, as http::Handler:
//   routes.add(http::Method::get, "/api/databases/{id}", Access::read,
//              std::bind_front(&DatabaseRoutes::show, this));
using CallHandler = std::function<Task<http::Response>(Call)>;
// Runs a handler, or answers in its place.
using AroundHandler = std::function<Task<http::Response>(Call, CallHandler)>;
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
  // The GET answers of a pattern that was added depend on path, query and the caller's reach, the
  // catalog, and what Changes counts; so they may come from the answer cache.
  void keep_answers(const std::string& pattern);
  // A pattern whose POST makes nothing and must be carried out each time.
  void ignore_idempotency_key(const std::string& pattern);

  // What stands around every handler; each is given at most once, before the first request, and
  // outlives it.
  void limit_with(RateLimits& limits) { limits_ = &limits; }
  void answer_from(AnswerCache& answers) { answers_ = &answers; }
  void around_posts(AroundHandler idempotency) { idempotency_ = std::move(idempotency); }

  struct Declared {
    http::Method method;
    std::string pattern;
    Access access;
    bool any_key;
  };
  std::vector<Declared> declared() const;
  // Every route of the router was added here. Asked before the first request. Errors: internal,
  // naming one that was not.
  Result<void> check_complete() const;

  // As http::Router::after: sees every response.
  void observe(std::function<void(const http::Request&, const http::Response&, milliseconds)> seen);

 private:
  struct Rule {
    Access access;
    bool any_key;
    CallHandler handler;
    bool keep_answers = false;
    bool ignore_idempotency_key = false;
  };
  struct LessByText {
    using is_transparent = void;
    using View = std::pair<http::Method, std::string_view>;
    bool operator()(const View& left, const View& right) const { return left < right; }
  };
  void add_rule(http::Method method, const std::string& pattern, Rule rule);
  Task<http::Response> handle(const Rule* rule, http::Request request);
  Task<http::Response> answer(const Rule* rule, Call call);
  Task<http::Response> answer_read(const Rule* rule, Call call);
  bool is_declared(http::Method method, std::string_view pattern) const;
  Task<void> refuse_undeclared(http::Request& request) const;
  // Who calls, or the answer to somebody who may not.
  std::expected<Principal, Result<http::Response>> admit(const Rule& rule,
                                                         const http::Request& request);

  http::Router& router_;
  Authenticate authenticate_;
  AroundHandler idempotency_;
  RateLimits* limits_ = nullptr;
  AnswerCache* answers_ = nullptr;
  std::map<std::pair<http::Method, std::string>, Rule, LessByText> rules_;
};

// The path or pattern without the alias: "/api/v1/x" is another name of "/api/x".
std::string canonical_path(std::string_view path);

}  // namespace howdah::control
