// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 bytes to messages and back. No I/O: the only user of Beast's types, which stay in
// codec.cc. Used on the thread of its session.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/units.h"
#include "http/message.h"

namespace howdah::http::detail {

struct ParserLimits {
  ByteCount header_size_max;
  ByteCount body_size_max;
};

// Parses one message after the other. Bytes that feed() did not consume are given again, with more
// behind them: a header is only read when it is complete.
class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();

  // Returns how many bytes of data were consumed. Errors: invalid_request, too_large,
  // headers_too_large, unsupported (a method nobody knows); the connection cannot go on after one.
  Result<std::size_t> feed(std::string_view data);
  bool header_done() const;
  bool done() const;
  bool expects_continue() const;  // the client waits for "100 Continue" before it sends the body

  struct Parsed {
    Request request;  // without what the server fills in
    bool keep_alive;
    bool chunked_allowed;  // false: HTTP/1.0
  };
  // After done(). The parser is then ready for the next message.
  Result<Parsed> take();
  // For the answer to a request that failed to parse; "/" when it did not come that far.
  std::string path_so_far() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class ResponseParser {
 public:
  // head_only: the answer to HEAD, which announces a body that does not come.
  ResponseParser(ParserLimits limits, bool head_only);
  ~ResponseParser();

  Result<std::size_t> feed(std::string_view data);
  Result<void> feed_end();  // the connection was closed: may be the end of a body
  bool header_done() const;
  bool done() const;
  bool keep_alive() const;
  int status() const;
  // Takes the part of the body that came so far, for a streamed response.
  std::string take_body_part();
  Response take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Status line and headers, ready to be sent. Header values are cleaned of line breaks.
struct HeadOptions {
  bool keep_alive = true;
  bool chunked = false;
  bool has_length = true;  // false: the body ends with the connection
  bool strict_transport = false;
  std::string_view request_id;
};
void append_response_head(std::string& out, const Response& response, const HeadOptions& options);
void append_request(std::string& out, const Request& request);
// "Sun, 06 Nov 1994 08:49:37 GMT", for seconds since 1970.
std::string http_date(std::int64_t unix_s);

}  // namespace howdah::http::detail
