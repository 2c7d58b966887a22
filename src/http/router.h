// SPDX-License-Identifier: Apache-2.0
// Maps method and path to handlers. Filled at start-up, read-only afterwards; one thread.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "http/message.h"

namespace howdah::http {

// A handler is a bound member function that is a coroutine, never a capturing lambda coroutine:
//   router.add(Method::get, "/api/databases/{id}", std::bind_front(&DatabaseRoutes::show, this));
// An error becomes a problem response; an exception becomes 500 and one ERROR line.
using Handler = std::function<Task<Response>(Request)>;

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // pattern: literal segments and {name} segments. Literal wins over {name}. Adding one twice is a
  // bug of ours and aborts.
  void add(Method method, std::string pattern, Handler handler);
  // Runs before every handler, with request.pattern and parameters set; an error answers instead.
  // Where a request matches no pattern it is not run.
  void before(std::function<Task<void>(Request&)> filter);
  // Runs after every response, matched or not: metrics and access log. Must not block. The request
  // has no body, headers, query and parameters any more: the handler took them.
  void after(std::function<void(const Request&, const Response&, milliseconds)> observer);

  // Never throws. HEAD is answered as GET without the body. 404 and 405 (with Allow) are problems.
  asio::awaitable<Response> dispatch(Request request) const;

  struct RouteName {
    Method method;
    std::string pattern;
  };
  std::vector<RouteName> routes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace howdah::http
