// SPDX-License-Identifier: Apache-2.0
// Server and client together over real sockets.
#include "http/server.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>

#include "base/json.h"
#include "crypto/certificate.h"
#include "http/client.h"

namespace howdah::http {
namespace {

Task<Response> hello(Request request) {
  json::object body{{"path", request.path},
                    {"uid", request.local_peer ? request.local_peer->uid : 0},
                    {"address", request.remote_address},
                    {"size", request.body.size()}};
  co_return json_response(200, body);
}
Task<Response> refuse(Request) {
  co_return fail(ErrorCode::instance_held, "a backup holds it", "wait");
}
Task<Response> slow(Request) {
  co_await net::sleep_for(milliseconds{150});
  co_return json_response(200, {{"slow", true}});
}
Task<Response> large(Request) {
  co_return Response{200, {}, std::string(5'000'000, 'x'), nullptr};
}

Task<void> write_events(int count, BodyWriter write) {
  for (int i = 0; count < 0 || i < count; ++i) {
    HOWDAH_CO_CHECK(co_await write(format_event({"tick", std::to_string(i), std::to_string(i)})));
    co_await net::sleep_for(milliseconds{1});
  }
  co_return Result<void>{};
}
Task<Response> events(Request request) {
  Response response;
  response.headers.emplace("Content-Type", "text/event-stream");
  const bool endless = !request.query.empty();
  response.stream = std::bind_front(write_events, endless ? -1 : 3);
  co_return response;
}
Task<void> write_half(BodyWriter write) {
  HOWDAH_CO_CHECK(co_await write("half of "));
  co_return fail(ErrorCode::cancelled, "broke off");
}
Task<Response> broken(Request) {
  Response response;
  response.stream = write_half;
  co_return response;
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::string name = "/tmp/howdah-http-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    router_.add(Method::get, "/hello", hello);
    router_.add(Method::post, "/hello", hello);
    router_.add(Method::get, "/refuse", refuse);
    router_.add(Method::get, "/slow", slow);
    router_.add(Method::get, "/large", large);
    router_.add(Method::get, "/events", events);
    router_.add(Method::get, "/broken", broken);
  }
  ~ServerTest() override { std::filesystem::remove_all(folder_); }

  void start(ServerLimits limits = {}) {
    server_ = std::make_unique<Server>(io_.get_executor(), router_, limits);
    server_->serve(net::listen_unix(io_.get_executor(), socket_path(), 0600).value());
    auto acceptor = net::listen_tcp(io_.get_executor(), "127.0.0.1", 0, "--port").value();
    port_ = acceptor.local_endpoint().port();
    server_->serve(std::move(acceptor));
  }

  // Runs a test coroutine to its end, then stops the server.
  void run(asio::awaitable<void> body) {
    if (!server_) start();
    asio::co_spawn(io_, and_stop(std::move(body)), [](const std::exception_ptr& error) {
      if (error) std::rethrow_exception(error);
    });
    io_.run();
  }
  asio::awaitable<void> and_stop(asio::awaitable<void> body) {
    co_await std::move(body);
    co_await server_->stop(milliseconds{2'000});
  }

  // Sends raw bytes over TCP and returns everything that comes back until the end.
  asio::awaitable<std::string> raw(std::string text) { return raw(std::move(text), port_); }
  asio::awaitable<std::string> raw(std::string text, std::uint16_t port) {
    net::Tcp::socket socket(io_);
    co_await socket.async_connect({asio::ip::make_address("127.0.0.1"), port}, asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
    std::string answer;
    co_await asio::async_read(socket, asio::dynamic_buffer(answer), net::kToken);
    co_return answer;
  }

  std::string socket_path() const { return folder_ + "/s"; }

  asio::io_context io_{1};
  Router router_;
  std::unique_ptr<Server> server_;
  std::string folder_;
  std::uint16_t port_ = 0;

  // The bodies of the tests.
  asio::awaitable<void> calls();
  asio::awaitable<void> reuses();
  asio::awaitable<void> client_errors();
  asio::awaitable<void> reads_events();
  asio::awaitable<void> raw_requests();
  asio::awaitable<void> keeps_request_ids();
  asio::awaitable<void> limits();
  asio::awaitable<void> times_out();
  asio::awaitable<void> stops_politely();
  asio::awaitable<void> waits_for(std::string path, Result<Response>& result);
  asio::awaitable<void> stops_streams();
  asio::awaitable<void> serves_tls();
  asio::awaitable<void> refuses_plain();
  asio::awaitable<void> refuses_handshakes();
  asio::awaitable<void> cuts_slow_handshakes();
  asio::awaitable<void> serves_the_machine_itself();
  asio::awaitable<void> shares_places_between_addresses();

  net::Tcp::endpoint serve_tls();
  const crypto::CertificateAndKey authority_ =
      crypto::make_certificate_authority("Howdah test", now()).value();
};

asio::awaitable<void> ServerTest::calls() {
  Client client(io_.get_executor(), socket_path());
  const auto body =
      co_await client.call(Method::post, "/hello", {}, {{"a", 1}}, milliseconds{5'000});
  EXPECT_EQ(body->at("uid").to_number<uid_t>(), ::getuid());
  EXPECT_EQ(body->at("size").to_number<int>(), 7);
  const auto refused =
      co_await client.call(Method::get, "/refuse", {}, nullptr, milliseconds{5'000});
  EXPECT_EQ(refused.error().code, ErrorCode::instance_held);
  EXPECT_EQ(refused.error().hint, "wait");
  const auto big = co_await client.send({.path = "/large"}, milliseconds{5'000});
  EXPECT_EQ(big->body.size(), 5'000'000U);
  const auto head =
      co_await client.send({.method = Method::head, .path = "/large"}, milliseconds{5'000});
  EXPECT_EQ(head->headers.at("Content-Length"), "5000000");
  EXPECT_TRUE(head->body.empty());
}
TEST_F(ServerTest, a_client_gets_bodies_errors_and_heads_over_a_unix_socket) {
  run(calls());
}

asio::awaitable<void> ServerTest::reuses() {
  Client client(io_.get_executor(), socket_path());
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(co_await client.send({.path = "/hello"}, milliseconds{5'000}));
    // Kept connections were closed by the server's idle timeout meanwhile.
    co_await net::sleep_for(milliseconds{120});
    const auto post =
        co_await client.call(Method::post, "/hello", {}, {{"a", 1}}, milliseconds{5'000});
    EXPECT_TRUE(post) << post.error().to_log();
  }
}
TEST_F(ServerTest, a_kept_connection_that_was_closed_is_replaced) {
  start({.idle_timeout = milliseconds{40}});
  run(reuses());
}

asio::awaitable<void> ServerTest::client_errors() {
  Client nobody(io_.get_executor(), folder_ + "/none");
  EXPECT_EQ((co_await nobody.send({.path = "/"}, milliseconds{500})).error().code,
            ErrorCode::unavailable);
  Client client(io_.get_executor(), socket_path());
  EXPECT_EQ((co_await client.send({.path = "/slow"}, milliseconds{20})).error().code,
            ErrorCode::timeout);
  const auto cut = co_await client.send({.path = "/broken"}, milliseconds{500});
  EXPECT_EQ(cut.error().code, ErrorCode::unavailable) << "half a body is no body";
}
TEST_F(ServerTest, a_client_tells_absence_slowness_and_a_cut_body_apart) {
  run(client_errors());
}

asio::awaitable<void> ServerTest::reads_events() {
  Client client(io_.get_executor(), socket_path());
  std::string seen;
  const auto collect = [&seen](const Event& event) {
    seen += event.name + event.data + event.id + " ";
    return seen.size() < 50;
  };
  EXPECT_TRUE(co_await client.events({.path = "/events"}, collect, milliseconds{1'000}));
  EXPECT_EQ(seen, "tick00 tick11 tick22 ");
  const auto missing = co_await client.events({.path = "/none"}, collect, milliseconds{1'000});
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}
TEST_F(ServerTest, events_are_streamed_to_the_client) {
  run(reads_events());
}

asio::awaitable<void> ServerTest::raw_requests() {
  const std::string two = co_await raw(
      "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\nConnection: "
      "close\r\n\r\n");
  EXPECT_NE(two.find("HTTP/1.1 200 OK"), std::string::npos);
  EXPECT_NE(two.find("\"address\":\"127.0.0.1\""), std::string::npos);
  EXPECT_NE(two.find("HTTP/1.1 404 Not Found"), std::string::npos);
  const std::string old = co_await raw("GET /events HTTP/1.0\r\n\r\n");
  EXPECT_EQ(old.find("chunked"), std::string::npos);
  EXPECT_TRUE(old.ends_with("id: 2\nevent: tick\ndata: 2\n\n"));
  const std::string hint = co_await raw(
      "POST /hello HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
      "1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(hint.starts_with("HTTP/1.1 100 Continue\r\n\r\n"));
}
TEST_F(ServerTest, pipelining_old_clients_and_expectations_are_served) {
  start({.read_timeout = milliseconds{200}});
  run(raw_requests());
}

asio::awaitable<void> ServerTest::keeps_request_ids() {
  const std::string head = "GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Request-Id: ";
  const std::string good = co_await raw(head + "abc-1.2\r\n\r\n");
  EXPECT_NE(good.find("\r\nX-Request-Id: abc-1.2\r\n"), std::string::npos);
  EXPECT_NE(good.find("\"request_id\":\"abc-1.2\""), std::string::npos);
  const std::string bad = co_await raw(head + "a b\"c\r\n\r\n");
  EXPECT_EQ(bad.find("a b"), std::string::npos);
  EXPECT_NE(bad.find("\r\nX-Request-Id: "), std::string::npos);
}
TEST_F(ServerTest, a_sane_request_id_is_kept_and_another_replaced) {
  run(keeps_request_ids());
}

asio::awaitable<void> ServerTest::limits() {
  const std::string post =
      "POST /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ";
  EXPECT_TRUE(
      (co_await raw(post + "1000\r\n\r\n" + std::string(1000, 'x'))).starts_with("HTTP/1.1 200"));
  const std::string over = co_await raw(post + "500000\r\n\r\n" + std::string(500'000, 'x'));
  EXPECT_TRUE(over.starts_with("HTTP/1.1 413")) << over;
  EXPECT_NE(over.find("application/problem+json"), std::string::npos);
  EXPECT_NE(over.find("\"instance\":\"/hello\""), std::string::npos);
  const std::string header = co_await raw("GET / HTTP/1.1\r\nX: " + std::string(5000, 'x'));
  EXPECT_TRUE(header.starts_with("HTTP/1.1 431"));
  EXPECT_TRUE((co_await raw("nonsense\r\n\r\n")).starts_with("HTTP/1.1 400"));
  EXPECT_TRUE((co_await raw("GET /../x HTTP/1.1\r\nHost: a\r\n\r\n")).starts_with("HTTP/1.1 400"));
  EXPECT_TRUE((co_await raw("BREW / HTTP/1.1\r\nHost: a\r\n\r\n")).starts_with("HTTP/1.1 501"));
}
TEST_F(ServerTest, what_is_over_a_limit_or_wrong_is_answered_as_a_problem) {
  start({.body_size_max = 1000, .header_size_max = 4096});
  run(limits());
}

asio::awaitable<void> ServerTest::times_out() {
  EXPECT_EQ(co_await raw("GET /hel"), "");
  EXPECT_EQ(co_await raw(""), "");
}
TEST_F(ServerTest, half_requests_and_idle_connections_are_closed) {
  start({.read_timeout = milliseconds{60}, .idle_timeout = milliseconds{60}});
  run(times_out());
}

asio::awaitable<void> ServerTest::waits_for(std::string path, Result<Response>& result) {
  Client client(io_.get_executor(), socket_path());
  result = co_await client.send({.path = std::move(path)}, milliseconds{5'000});
}
asio::awaitable<void> ServerTest::stops_politely() {
  using namespace asio::experimental::awaitable_operators;
  Client idle(io_.get_executor(), socket_path());
  EXPECT_TRUE(co_await idle.send({.path = "/hello"}, milliseconds{500}));
  Result<Response> result;
  co_await (waits_for("/slow", result) && [](ServerTest& test) -> asio::awaitable<void> {
    co_await net::sleep_for(milliseconds{30});
    co_await test.server_->stop(milliseconds{90'000});
  }(*this));
  EXPECT_TRUE(result) << "a request in flight is finished";
  Client late(io_.get_executor(), socket_path());
  EXPECT_FALSE(co_await late.send({.path = "/hello"}, milliseconds{500}));
}
TEST_F(ServerTest, stopping_finishes_requests_in_flight_and_takes_no_new_ones) {
  const auto begin = std::chrono::steady_clock::now();
  run(stops_politely());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds{30'000}) << "idle ones are cut";
}

asio::awaitable<void> ServerTest::stops_streams() {
  net::Local::socket socket = (co_await net::connect_unix(socket_path())).value();
  const std::string text = "GET /events?endless=1 HTTP/1.1\r\nHost: a\r\n\r\n";
  co_await asio::async_write(socket, asio::buffer(text), asio::use_awaitable);
  co_await net::sleep_for(milliseconds{30});
  const auto begin = std::chrono::steady_clock::now();
  co_await server_->stop(milliseconds{90'000});
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds{30'000});
}
TEST_F(ServerTest, an_event_stream_does_not_delay_the_stop) {
  run(stops_streams());
}

net::Tcp::endpoint ServerTest::serve_tls() {
  const auto leaf = crypto::issue_server_certificate(authority_, {"localhost"}, now()).value();
  auto acceptor = net::listen_tcp(io_.get_executor(), "127.0.0.1", 0, "--port").value();
  const auto endpoint = acceptor.local_endpoint();
  server_->serve(std::move(acceptor),
                 net::make_tls_server_context(leaf.certificate_pem, leaf.private_key_pem).value());
  return endpoint;
}

asio::awaitable<void> ServerTest::refuses_plain() {
  const auto port = serve_tls().port();
  const std::string refusal = co_await raw("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n", port);
  EXPECT_TRUE(refusal.starts_with("HTTP/1.1 403 ")) << refusal;
  EXPECT_NE(refusal.find("tls_required"), std::string::npos);
  EXPECT_EQ(refusal.find("/hello\""), std::string::npos) << "not even the path was read";
  EXPECT_EQ(co_await raw(std::string(100, '\0'), port), "") << "no handshake, and no HTTP either";
}
TEST_F(ServerTest, plain_http_on_a_tls_port_is_told_so_and_gets_nothing) {
  run(refuses_plain());
}

asio::awaitable<void> ServerTest::refuses_handshakes() {
  const auto endpoint = serve_tls();
  std::vector<net::Tcp::socket> silent;
  for (int i = 0; i < 3; ++i) {
    co_await silent.emplace_back(io_).async_connect(endpoint, asio::use_awaitable);
  }
  co_await net::sleep_for(milliseconds{20});
  std::string nothing;
  // The limit is two: the third is closed at once.
  const auto begin = std::chrono::steady_clock::now();
  co_await asio::async_read(silent[2], asio::dynamic_buffer(nothing), net::kToken);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds{30'000});
  // A plain connection of the machine itself is served meanwhile.
  EXPECT_NE((co_await raw("GET /hello HTTP/1.0\r\n\r\n")).find("200 OK"), std::string::npos);
}
TEST_F(ServerTest, silent_tls_clients_are_few) {
  start({.handshakes_max = 2, .handshake_timeout = milliseconds{90'000}});
  run(refuses_handshakes());
}

asio::awaitable<void> ServerTest::cuts_slow_handshakes() {
  const auto endpoint = serve_tls();
  std::vector<net::Tcp::socket> silent;
  for (int i = 0; i < 2; ++i) {
    co_await silent.emplace_back(io_).async_connect(endpoint, asio::use_awaitable);
  }
  std::string nothing;
  for (auto& socket : silent) {
    co_await asio::async_read(socket, asio::dynamic_buffer(nothing), net::kToken);
  }
  co_await net::sleep_for(milliseconds{50});
  EXPECT_NE((co_await raw("GET / HTTP/1.1\r\n\r\n", endpoint.port())).find("tls_required"),
            std::string::npos)
      << "their places are free again";
}
TEST_F(ServerTest, silent_tls_clients_are_cut_at_the_deadline) {
  start({.handshakes_max = 2, .handshake_timeout = milliseconds{300}});
  run(cuts_slow_handshakes());
}

asio::awaitable<void> ServerTest::serves_the_machine_itself() {
  std::vector<net::Tcp::socket> remote;
  for (int i = 0; i < 4; ++i) {
    co_await remote.emplace_back(io_).async_connect({asio::ip::make_address("127.0.0.1"), port_},
                                                    asio::use_awaitable);
  }
  co_await net::sleep_for(milliseconds{20});
  Client client(io_.get_executor(), socket_path());
  EXPECT_TRUE(co_await client.call(Method::get, "/hello", {}, nullptr, milliseconds{1'000}));
}
asio::awaitable<void> ServerTest::shares_places_between_addresses() {
  std::vector<net::Tcp::socket> held;
  const auto open_from = [&](const char* from) -> net::Tcp::socket& {
    auto& socket = held.emplace_back(io_);
    socket.open(net::Tcp::v4());
    socket.bind({asio::ip::make_address(from), 0});
    socket.connect({asio::ip::make_address("127.0.0.1"), port_});
    return socket;
  };
  for (int i = 0; i < 2; ++i) open_from("127.0.0.2");
  co_await net::sleep_for(milliseconds{20});
  std::string nothing;
  auto [end, size] =
      co_await asio::async_read(open_from("127.0.0.2"), asio::dynamic_buffer(nothing), net::kToken);
  EXPECT_EQ(size, 0U) << "one address has half of the places and no more";
  EXPECT_NE((co_await raw("GET /hello HTTP/1.0\r\n\r\n")).find("200 OK"), std::string::npos);
}
TEST_F(ServerTest, one_address_does_not_take_the_places_of_all) {
  start({.connections_max = 4});
  run(shares_places_between_addresses());
}

TEST_F(ServerTest, connections_over_the_network_do_not_take_the_places_of_the_local_socket) {
  start({.connections_max = 2});
  run(serves_the_machine_itself());
}

asio::awaitable<void> ServerTest::serves_tls() {
  namespace ssl = asio::ssl;
  const auto endpoint = serve_tls();
  ssl::context trust(ssl::context::tls_client);
  trust.set_verify_mode(ssl::verify_peer);
  trust.add_certificate_authority(asio::buffer(authority_.certificate_pem));
  ssl::stream<net::Tcp::socket> stream(io_, trust);
  stream.set_verify_callback(ssl::host_name_verification("localhost"));
  co_await stream.next_layer().async_connect(endpoint, asio::use_awaitable);
  co_await stream.async_handshake(ssl::stream_base::client, asio::use_awaitable);
  for (const char* end : {"", "Connection: close\r\n"}) {
    const std::string text = "GET /hello HTTP/1.1\r\nHost: a\r\n" + std::string(end) + "\r\n";
    co_await asio::async_write(stream, asio::buffer(text), asio::use_awaitable);
  }
  std::string answer;
  auto [error, size] = co_await asio::async_read(stream, asio::dynamic_buffer(answer), net::kToken);
  EXPECT_EQ(error, asio::error::eof) << "ended by a goodbye, not cut: " << error.message();
  EXPECT_NE(answer.find("HTTP/1.1 200 OK", 10), std::string::npos) << "two answers";
  EXPECT_EQ(answer.find("Strict-Transport-Security"), std::string::npos) << "no name of ours";
}
TEST_F(ServerTest, a_verifying_client_is_served_over_tls) {
  run(serves_tls());
}

}  // namespace
}  // namespace howdah::http
