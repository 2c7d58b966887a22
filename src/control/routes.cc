// SPDX-License-Identifier: Apache-2.0
#include "control/routes.h"

#include "base/log.h"

namespace howdah::control {
namespace {

constexpr std::string_view kPrefix = "/api/";
constexpr std::string_view kAlias = "/api/v1/";
constexpr std::string_view kDatabasePattern = "/api/databases/{id}";

// The pattern as it was added: "/api/v1/x" is another name of "/api/x".
std::string canonical(std::string_view pattern) {
  if (!pattern.starts_with(kAlias)) return std::string(pattern);
  return std::string(kPrefix) + std::string(pattern.substr(kAlias.size()));
}

bool is_about_database(std::string_view pattern) {
  return pattern == kDatabasePattern ||
         (pattern.starts_with(kDatabasePattern) && pattern[kDatabasePattern.size()] == '/');
}

std::string_view needed_scope(Access access) {
  switch (access) {
    case Access::open:
      return "none";
    case Access::read:
      return "read";
    case Access::write:
      return "write";
    case Access::admin:
      return "admin";
    case Access::local:
      break;
  }
  return "local";
}

bool scope_allows(Scope scope, Access access) {
  switch (access) {
    case Access::open:
    case Access::read:
      return true;
    case Access::write:
      return scope != Scope::read;
    case Access::admin:
      return scope == Scope::admin;
    case Access::local:
      break;
  }
  return false;
}

}  // namespace

Routes::Routes(http::Router& router, Authenticate authenticate)
    : router_(router), authenticate_(std::move(authenticate)) {
  router_.before(std::bind_front(&Routes::refuse_undeclared, this));
}

void Routes::add(http::Method method, const std::string& pattern, Access access,
                 CallHandler handler) {
  add_rule(method, pattern, Rule{access, false}, std::move(handler));
}

void Routes::add_for_any_key(http::Method method, const std::string& pattern, Access access,
                             CallHandler handler) {
  add_rule(method, pattern, Rule{access, true}, std::move(handler));
}

void Routes::observe(
    std::function<void(const http::Request&, const http::Response&, milliseconds)> seen) {
  router_.after(std::move(seen));
}

void Routes::add_rule(http::Method method, const std::string& pattern, Rule rule,
                      CallHandler handler) {
  rules_.emplace(std::pair(method, pattern), rule);
  router_.add(method, pattern, std::bind_front(&Routes::handle, this, rule, handler));
  if (!pattern.starts_with(kPrefix)) return;
  router_.add(method, std::string(kAlias) + pattern.substr(kPrefix.size()),
              std::bind_front(&Routes::handle, this, rule, std::move(handler)));
}

Task<void> Routes::refuse_undeclared(http::Request& request) const {
  const http::Method method =
      request.method == http::Method::head ? http::Method::get : request.method;
  if (rules_.contains({method, canonical(request.pattern)})) co_return Result<void>{};
  log::error("api", "route {} {} declares no access and is refused", http::to_string(method),
             request.pattern);
  co_return fail(ErrorCode::forbidden, "this route declares no access");
}

Result<Principal> Routes::admit(const Rule& rule, const http::Request& request) const {
  Result<Principal> caller = authenticate_(request);
  if (!caller) {
    if (rule.access != Access::open) return caller;
    Principal nobody;
    nobody.actor = "anonymous";
    nobody.remote_address = request.remote_address;
    return nobody;
  }
  if (rule.access == Access::local && !caller->local) {
    return fail(ErrorCode::forbidden, "this call is answered on the machine itself only",
                "run howdah on it");
  }
  if (rule.access != Access::local && !scope_allows(caller->scope, rule.access)) {
    return fail(ErrorCode::forbidden,
                "this call needs a key with scope " + std::string(needed_scope(rule.access)));
  }
  if (caller->database_id && !rule.any_key && rule.access != Access::open) {
    const auto id = request.parameters.find("id");
    if (!is_about_database(canonical(request.pattern)) || id == request.parameters.end() ||
        id->second != caller->database_id->str()) {
      return fail(ErrorCode::forbidden, "this key is for another database only");
    }
  }
  return caller;
}

Task<http::Response> Routes::handle(Rule rule, CallHandler handler, http::Request request) {
  HOWDAH_CO_TRY(Principal caller, admit(rule, request));
  co_return co_await handler(Call{std::move(request), std::move(caller)});
}

}  // namespace howdah::control
