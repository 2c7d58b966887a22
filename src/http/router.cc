// SPDX-License-Identifier: Apache-2.0
#include "http/router.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>

#include "base/log.h"

namespace howdah::http {
namespace {

using Segments = std::vector<std::string_view>;
using SteadyClock = std::chrono::steady_clock;

// A trailing slash means the same as none; an empty segment elsewhere matches nothing.
Segments split(std::string_view path) {
  if (path.ends_with('/')) path.remove_suffix(1);
  Segments segments;
  while (path.starts_with('/')) {
    path.remove_prefix(1);
    const std::size_t end = path.find('/');
    segments.push_back(path.substr(0, end));
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

struct Route {
  std::string pattern;
  std::vector<std::string> names;  // of its {name} segments, in order
  Handler handler;
};

struct Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::map<Method, Route> routes;
};

// The node for a path; values gets what its {name} segments matched. Tries the literal branch
// first and comes back when it leads nowhere; depth is that of the patterns, not of the path.
const Node* find(const Node& node, std::span<const std::string_view> path, Segments& values) {
  if (path.empty()) return node.routes.empty() ? nullptr : &node;
  if (path.front().empty()) return nullptr;
  const auto literal = node.literals.find(path.front());
  if (literal != node.literals.end()) {
    if (const Node* found = find(*literal->second, path.subspan(1), values)) return found;
  }
  if (!node.parameter) return nullptr;
  values.push_back(path.front());
  if (const Node* found = find(*node.parameter, path.subspan(1), values)) return found;
  values.pop_back();
  return nullptr;
}

const Route* route_of(const Node& node, Method method) {
  auto route = node.routes.find(method);
  if (route == node.routes.end() && method == Method::head) route = node.routes.find(Method::get);
  return route == node.routes.end() ? nullptr : &route->second;
}

std::string allowed_methods(const Node& node) {
  std::string list;
  for (const auto& [method, route] : node.routes) {
    list.append(list.empty() ? "" : ", ").append(to_string(method));
    if (method == Method::get && !node.routes.contains(Method::head)) list += ", HEAD";
  }
  return list;
}

// Logged once, here, and only what a person must act on.
void log_failure(const Error& error, const Request& request) {
  if (info_of(error.code).http_status < 500 || error.code == ErrorCode::unsupported) return;
  const bool ours = error.code == ErrorCode::internal || error.code == ErrorCode::sql_error ||
                    error.code == ErrorCode::seal_broken;
  // Who keeps the disk says so once; each client that is refused for it says nothing new.
  const bool known = error.code == ErrorCode::volume_full;
  log::write(ours    ? log::Level::error
             : known ? log::Level::info
                     : log::Level::warn,
             "http",
             fmt::format("{} {} [{}]: {}", to_string(request.method), request.path,
                         request.request_id, error.to_log()));
}

// What of a request is left for observers and error answers once the handler took it.
Request outline_of(const Request& request) {
  Request outline;
  outline.method = request.method;
  outline.path = request.path;
  outline.request_id = request.request_id;
  outline.pattern = request.pattern;
  outline.local_peer = request.local_peer;
  outline.remote_address = request.remote_address;
  return outline;
}

}  // namespace

struct Router::Impl {
  Node root;
  std::vector<RouteName> names;
  std::vector<std::function<Task<void>(Request&)>> filters;
  std::vector<std::function<void(const Request&, const Response&, milliseconds)>> observers;

  Task<Response> run(const Route& route, Request request) const {
    for (const auto& filter : filters) {
      HOWDAH_CO_CHECK(co_await filter(request));
    }
    co_return co_await route.handler(std::move(request));
  }

  // The three ways a handler can end, as one.
  Task<Response> run_caught(const Route& route, Request request) const {
    std::string what;
    try {
      co_return co_await run(route, std::move(request));
    } catch (const boost::system::system_error& error) {
      if (error.code() == asio::error::operation_aborted) {
        co_return fail(ErrorCode::unavailable, "the server is stopping", "try again in a moment");
      }
      what = error.what();
    } catch (const std::exception& error) {
      what = error.what();
    }
    co_return fail(ErrorCode::internal, "an unexpected fault happened",
                   "the log has the detail under the request id", "exception: " + what);
  }
};

Router::Router() : impl_(std::make_unique<Impl>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(Method method, std::string pattern, Handler handler) {
  Node* node = &impl_->root;
  Route route{pattern, {}, std::move(handler)};
  for (const std::string_view segment : split(pattern)) {
    std::unique_ptr<Node>& next =
        is_parameter(segment) ? node->parameter
                              : node->literals.try_emplace(std::string(segment)).first->second;
    if (!next) next = std::make_unique<Node>();
    if (is_parameter(segment)) route.names.emplace_back(segment.substr(1, segment.size() - 2));
    node = next.get();
  }
  if (!node->routes.try_emplace(method, std::move(route)).second) {
    std::fprintf(stderr, "two handlers for %s %s\n", std::string(to_string(method)).c_str(),
                 pattern.c_str());
    std::abort();
  }
  impl_->names.push_back({method, std::move(pattern)});
}

void Router::before(std::function<Task<void>(Request&)> filter) {
  impl_->filters.push_back(std::move(filter));
}

void Router::after(std::function<void(const Request&, const Response&, milliseconds)> observer) {
  impl_->observers.push_back(std::move(observer));
}

asio::awaitable<Response> Router::dispatch(Request request) const {
  const auto begin = SteadyClock::now();
  const std::string path = request.path;  // values point into it; the request moves on
  Segments values;
  const Node* node = find(impl_->root, split(path), values);
  const Route* route = node == nullptr ? nullptr : route_of(*node, request.method);
  if (route != nullptr) {
    request.pattern = route->pattern;
    for (std::size_t i = 0; i < values.size(); ++i) {
      request.parameters.emplace(route->names[i], values[i]);
    }
  }
  const Request outline = outline_of(request);

  Result<Response> result =
      fail(ErrorCode::not_found, "nothing is at this path", "GET /openapi.json lists every path");
  if (route != nullptr) {
    result = co_await impl_->run_caught(*route, std::move(request));
  } else if (node != nullptr) {
    result = fail(ErrorCode::method_not_allowed,
                  "this path does not take " + std::string(to_string(outline.method)));
  }

  Response response;
  if (result) {
    response = std::move(*result);
  } else {
    log_failure(result.error(), outline);
    response = problem_response(result.error(), outline.path, outline.request_id);
    if (node != nullptr && route == nullptr) {
      response.headers.emplace("Allow", allowed_methods(*node));
    }
    if (response.status == 401) response.headers.emplace("WWW-Authenticate", "Bearer");
  }
  if (outline.method == Method::head) {
    if (!response.stream) {
      response.headers.try_emplace("Content-Length", std::to_string(response.body.size()));
    }
    response.body.clear();
    response.stream = nullptr;
  }
  const auto taken = std::chrono::duration_cast<milliseconds>(SteadyClock::now() - begin);
  for (const auto& observer : impl_->observers) observer(outline, response, taken);
  co_return response;
}

std::vector<Router::RouteName> Router::routes() const {
  return impl_->names;
}

}  // namespace howdah::http
