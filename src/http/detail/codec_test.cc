// SPDX-License-Identifier: Apache-2.0
#include "http/detail/codec.h"

#include <gtest/gtest.h>

namespace howdah::http::detail {
namespace {

constexpr ParserLimits kLimits{1024, 64};

// Feeds text in parts of a size, as a socket would deliver it.
Result<RequestParser::Parsed> parse(std::string_view text, std::size_t part = 1'000'000) {
  RequestParser parser(kLimits);
  std::string input;
  for (std::size_t at = 0; at < text.size() && !parser.done(); at += part) {
    input += text.substr(at, part);
    const auto consumed = parser.feed(input);
    if (!consumed) return std::unexpected(consumed.error());
    input.erase(0, *consumed);
  }
  if (!parser.done()) return fail(ErrorCode::cancelled, "incomplete");
  return parser.take();
}

ErrorCode code_of(std::string_view text) {
  const auto parsed = parse(text);
  return parsed ? ErrorCode::internal : parsed.error().code;
}

TEST(RequestParser, a_request_is_read_in_parts_of_any_size) {
  const std::string text =
      "\r\nPOST /api/databases?dry_run=true HTTP/1.1\r\nHost: localhost\r\nX-A: 1\r\nx-a: 2\r\n"
      "Content-Length: 5\r\n\r\nhello";
  for (std::size_t part = 1; part <= text.size(); ++part) {
    const auto parsed = parse(text, part);
    ASSERT_TRUE(parsed) << part;
    EXPECT_EQ(parsed->request.method, Method::post);
    EXPECT_EQ(parsed->request.path, "/api/databases");
    EXPECT_EQ(parsed->request.query, (Query{{"dry_run", "true"}}));
    EXPECT_EQ(parsed->request.headers.at("X-A"), "1, 2");
    EXPECT_EQ(parsed->request.body, "hello");
    EXPECT_TRUE(parsed->keep_alive);
  }
}

TEST(RequestParser, a_chunked_body_is_put_together) {
  const auto parsed = parse(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"
      "0\r\n\r\n",
      1);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->request.body, "abcde");
}

TEST(RequestParser, pipelined_requests_come_one_by_one) {
  RequestParser parser(kLimits);
  std::string input = "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n";
  input.erase(0, parser.feed(input).value());
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.take()->request.path, "/a");
  input.erase(0, parser.feed(input).value());
  ASSERT_TRUE(parser.done());
  EXPECT_EQ(parser.take()->request.path, "/b");
  EXPECT_TRUE(input.empty());
}

TEST(RequestParser, sizes_are_refused_one_byte_over_the_limit) {
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ";
  EXPECT_TRUE(parse(head + "64\r\n\r\n" + std::string(64, 'x')));
  EXPECT_EQ(code_of(head + "65\r\n\r\n"), ErrorCode::too_large);
  EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n" +
                    std::string(65, 'x')),
            ErrorCode::too_large);
  const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  EXPECT_TRUE(parse(start + std::string(900, 'x') + "\r\n\r\n"));
  EXPECT_EQ(code_of(start + std::string(1100, 'x') + "\r\n\r\n"), ErrorCode::headers_too_large);
  EXPECT_EQ(code_of("GET /" + std::string(2000, 'x')), ErrorCode::headers_too_large);
}

TEST(RequestParser, over_a_hundred_headers_are_refused) {
  std::string text = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 100; ++i) text += "A: \r\n";
  EXPECT_EQ(code_of(text + "\r\n"), ErrorCode::headers_too_large);
}

TEST(RequestParser, messages_that_two_readers_could_read_differently_are_refused) {
  for (const std::string_view headers :
       {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n", "Content-Length: 18446744073709551616\r\n", "Host: b\r\n",
        "X-API-Key: a\r\nX-API-Key: b\r\n", "Authorization: a\r\nauthorization: b\r\n",
        "a b: 1\r\n", ": 1\r\n", "novalue\r\n", "a: \x01\r\n"}) {
    EXPECT_EQ(code_of("POST / HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n0\r\n\r\n"),
              ErrorCode::invalid_request)
        << headers;
  }
}

TEST(RequestParser, malformed_request_lines_are_refused) {
  for (const std::string_view line :
       {"GET / HTTP/2.0", "GET /", "GET  / HTTP/1.1", "G\x01T / HTTP/1.1", "GET / http/1.1",
        "PRI * HTTP/2.0", "GET /a b HTTP/1.1", "\x16\x03\x01 / HTTP/1.1"}) {
    EXPECT_EQ(code_of(std::string(line) + "\r\nHost: a\r\n\r\n"), ErrorCode::invalid_request)
        << line;
  }
  EXPECT_EQ(code_of("GET / HTTP/1.1\r\n\r\n"), ErrorCode::invalid_request) << "no Host";
  EXPECT_EQ(code_of("BREW / HTTP/1.1\r\nHost: a\r\n\r\n"), ErrorCode::unsupported);
}

TEST(RequestParser, old_clients_close_unless_they_say_otherwise) {
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n")->keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n")->chunked_allowed);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")->keep_alive);
}

TEST(ResponseHead, values_cannot_forge_a_header) {
  Response response;
  response.headers.emplace("Location", "/a\r\nSet-Cookie: x");
  std::string out;
  append_response_head(out, response, {.request_id = "r1"});
  EXPECT_EQ(out.find("\r\nSet-Cookie"), std::string::npos);
  EXPECT_NE(out.find("\r\nX-Request-Id: r1\r\n"), std::string::npos);
  EXPECT_NE(out.find("\r\nContent-Length: 0\r\n"), std::string::npos);
}

TEST(ResponseHead, dates_have_the_form_of_the_standard) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(ResponseParser, what_the_client_writes_the_server_reads) {
  Request request;
  request.method = Method::patch;
  request.path = "/v1/instances/i-1";
  request.query = {{"force", "true"}};
  request.body = "{}";
  std::string text;
  append_request(text, request);
  const auto parsed = parse(text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->request.path, request.path);
  EXPECT_EQ(parsed->request.query, request.query);
  EXPECT_EQ(parsed->request.body, "{}");
}

TEST(ResponseParser, a_response_cut_in_the_middle_is_an_error) {
  ResponseParser parser({1024, 1024}, false);
  const std::string_view text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";
  EXPECT_EQ(parser.feed(text).value(), text.size());
  EXPECT_FALSE(parser.done());
  EXPECT_FALSE(parser.feed_end());
}

}  // namespace
}  // namespace howdah::http::detail
