// SPDX-License-Identifier: Apache-2.0
// Requests and responses as the rest of Howdah sees them: Beast stays behind http/*.cc.
// Plain values; used on the thread of the server or client that made them.
#pragma once
#include <any>
#include <boost/json.hpp>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "net/listener.h"
#include "net/task.h"

namespace howdah::http {

enum class Method { get, head, post, put, patch, del, options };
std::string_view to_string(Method method);

struct LessIgnoringCase {
  using is_transparent = void;
  bool operator()(std::string_view left, std::string_view right) const;
};
using Headers = std::map<std::string, std::string, LessIgnoringCase>;
using Query = std::vector<std::pair<std::string, std::string>>;  // decoded

struct Request {
  Method method = Method::get;
  std::string path;  // decoded, without the query; always begins with '/'
  Query query;
  Headers headers;
  std::string body;

  // Filled by the server.
  std::string request_id;                          // also sent back as X-Request-Id
  std::map<std::string, std::string> parameters;   // of the route's pattern: {id} -> value
  std::string_view pattern;                        // "/api/databases/{id}", for metrics
  std::optional<net::PeerCredentials> local_peer;  // when it came over a unix socket
  std::string remote_address;                      // when it came over TCP
  std::any principal;                              // who calls; set by a filter of the router
};

// Writes one part of a streamed body. Errors: io_error once the client is gone.
using BodyWriter = std::function<Task<void>(std::string)>;

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
  // Instead of body: called after the headers are sent; chunked, flushed part by part (SSE).
  std::function<Task<void>(BodyWriter)> stream;
};

Response json_response(int status, const boost::json::value& body);
// RFC 9457 problem+json that also satisfies the older envelope (api/openapi.yaml).
// instance: the request's path.
Response problem_response(const Error& error, std::string_view instance,
                          std::string_view request_id);
// The error that a response with a status of 400 or more carries: what problem_response() wrote,
// or the closest code to the status when the body is something else.
Error error_of_response(const Response& response);

}  // namespace howdah::http
