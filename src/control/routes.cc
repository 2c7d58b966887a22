// SPDX-License-Identifier: Apache-2.0
#include "control/routes.h"

#include "base/log.h"

namespace howdah::control {
namespace {

constexpr std::string_view kPrefix = "/api/";
constexpr std::string_view kAlias = "/api/v1/";
constexpr std::string_view kDatabasePattern = "/api/databases/{id}";

bool is_about_database(std::string_view pattern) {
  return pattern == kDatabasePattern ||
         (pattern.starts_with(kDatabasePattern) && pattern[kDatabasePattern.size()] == '/');
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

std::string_view to_string(Access access) {
  switch (access) {
    case Access::open:
      return "open";
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

std::string canonical_path(std::string_view path) {
  if (!path.starts_with(kAlias)) return std::string(path);
  return std::string(kPrefix) + std::string(path.substr(kAlias.size()));
}

Routes::Routes(http::Router& router, Authenticate authenticate)
    : router_(router), authenticate_(std::move(authenticate)) {
  router_.before(std::bind_front(&Routes::refuse_undeclared, this));
}

void Routes::add(http::Method method, const std::string& pattern, Access access,
                 CallHandler handler) {
  add_rule(method, pattern, Rule{access, false, std::move(handler)});
}

void Routes::add_for_any_key(http::Method method, const std::string& pattern, Access access,
                             CallHandler handler) {
  add_rule(method, pattern, Rule{access, true, std::move(handler)});
}

void Routes::keep_answers(const std::string& pattern) {
  rules_.at({http::Method::get, pattern}).keep_answers = true;
}

void Routes::ignore_idempotency_key(const std::string& pattern) {
  rules_.at({http::Method::post, pattern}).ignore_idempotency_key = true;
}

void Routes::observe(
    std::function<void(const http::Request&, const http::Response&, milliseconds)> seen) {
  router_.after(std::move(seen));
}

std::vector<Routes::Declared> Routes::declared() const {
  std::vector<Declared> all;
  for (const auto& [name, rule] : rules_) {
    all.push_back({name.first, name.second, rule.access, rule.any_key});
  }
  return all;
}

void Routes::add_rule(http::Method method, const std::string& pattern, Rule rule) {
  const Rule* kept = &rules_.emplace(std::pair(method, pattern), std::move(rule)).first->second;
  router_.add(method, pattern, std::bind_front(&Routes::handle, this, kept));
  if (!pattern.starts_with(kPrefix)) return;
  router_.add(method, std::string(kAlias) + pattern.substr(kPrefix.size()),
              std::bind_front(&Routes::handle, this, kept));
}

bool Routes::is_declared(http::Method method, std::string_view pattern) const {
  if (rules_.find(LessByText::View{method, pattern}) != rules_.end()) return true;
  return rules_.contains({method, canonical_path(pattern)});
}

Result<void> Routes::check_complete() const {
  for (const auto& [method, pattern] : router_.routes()) {
    if (is_declared(method, pattern)) continue;
    return fail(ErrorCode::internal, "route " + std::string(http::to_string(method)) + " " +
                                         pattern + " says nothing about who may call it");
  }
  return {};
}

Task<void> Routes::refuse_undeclared(http::Request& request) const {
  const http::Method method =
      request.method == http::Method::head ? http::Method::get : request.method;
  if (is_declared(method, request.pattern)) co_return Result<void>{};
  log::error("api", "route {} {} declares no access and is refused", http::to_string(method),
             request.pattern);
  co_return fail(ErrorCode::forbidden, "this route declares no access");
}

std::expected<Principal, Result<http::Response>> Routes::admit(const Rule& rule,
                                                               const http::Request& request) {
  const auto refuse = [](std::string message, std::string hint = {}) {
    return std::unexpected(
        Result<http::Response>(fail(ErrorCode::forbidden, std::move(message), std::move(hint))));
  };
  Result<Principal> caller = authenticate_(request);
  if (!caller) {
    if (rule.access == Access::open) {
      Principal nobody;
      nobody.actor = "anonymous";
      nobody.remote_address = request.remote_address;
      return nobody;
    }
    const auto verdict = limits_ != nullptr ? limits_->fail_from(request) : RateLimits::Verdict{};
    if (!verdict.allowed) return std::unexpected(limits_->refusal(verdict, request));
    return std::unexpected(Result<http::Response>(std::unexpected(std::move(caller).error())));
  }
  if (rule.access == Access::open) return std::move(*caller);
  if (limits_ != nullptr) {
    const auto verdict = limits_->check_address(*caller, request);
    if (!verdict.allowed) return std::unexpected(limits_->refusal(verdict, request));
  }
  if (rule.access == Access::local && !caller->local) {
    return refuse("this call is answered on the machine itself only", "run howdah on it");
  }
  if (rule.access != Access::local && !scope_allows(caller->scope, rule.access)) {
    return refuse("this call needs a key with scope " + std::string(to_string(rule.access)));
  }
  if (caller->database_id && !rule.any_key) {
    const auto id = request.parameters.find("id");
    if (!is_about_database(canonical_path(request.pattern)) || id == request.parameters.end() ||
        id->second != caller->database_id->str()) {
      return refuse("this key is for another database only");
    }
  }
  return std::move(*caller);
}

Task<http::Response> Routes::handle(const Rule* rule, http::Request request) {
  auto caller = admit(*rule, request);
  if (!caller) co_return std::move(caller).error();
  std::optional<RateLimits::Verdict> verdict;
  if (limits_ != nullptr && rule->access != Access::open) {
    verdict = limits_->take(*caller, request.method);
    if (verdict && !verdict->allowed) co_return limits_->refusal(*verdict, request);
  }
  auto response = co_await answer(rule, Call{std::move(request), std::move(*caller)});
  if (response && verdict) limits_->add_headers(*response, *verdict);
  co_return response;
}

Task<http::Response> Routes::answer(const Rule* rule, Call call) {
  const http::Method method = call.request.method;
  if (method == http::Method::post && idempotency_ && rule->access != Access::local &&
      !rule->ignore_idempotency_key && call.request.headers.contains("Idempotency-Key")) {
    return idempotency_(std::move(call), rule->handler);
  }
  const bool reads = method == http::Method::get || method == http::Method::head;
  if (reads && rule->keep_answers && answers_ != nullptr) return answer_read(rule, std::move(call));
  return rule->handler(std::move(call));
}

Task<http::Response> Routes::answer_read(const Rule* rule, Call call) {
  using Clock = AnswerCache::Time::clock;
  std::string key = AnswerCache::key_of(call.request, call.caller);
  if (key.empty()) co_return co_await rule->handler(std::move(call));
  if (const http::Response* kept = answers_->find(key, Clock::now())) co_return *kept;
  const std::uint64_t asked_at = answers_->version();
  auto response = co_await rule->handler(std::move(call));
  if (response) answers_->keep(std::move(key), asked_at, *response, Clock::now());
  co_return response;
}

}  // namespace howdah::control
