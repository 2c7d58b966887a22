// SPDX-License-Identifier: Apache-2.0
// The relay alone, between pairs of sockets: what arrives, in what order, and how sessions end.
#include "gate/relay.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <thread>

#include "net/task_group.h"
#include "pgwire/message.h"

namespace howdah::gate {
namespace {

using namespace std::chrono_literals;

const std::string kFarewell = pgwire::build_error_response(
    pgwire::ErrorFields{"FATAL", "57P01", "terminating connection: test", {}, {}});
const std::string kReady = pgwire::build_ready_for_query('I');

// The far end of one side: blocking, with patience.
class Peer {
 public:
  explicit Peer(int fd) : fd_(fd) {
    const timeval patience{10, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(sent, 0);
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  // Up to size bytes, fewer only at the end of the stream.
  std::string receive(std::size_t size) const {
    std::string bytes(size, '\0');
    std::size_t got = 0;
    while (got < size) {
      const ssize_t more = ::recv(fd_.get(), bytes.data() + got, size - got, 0);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    bytes.resize(got);
    return bytes;
  }
  bool at_end() const { return receive(1).empty(); }
  void end_output() const { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_ = os::UniqueFd(); }
  int fd() const { return fd_.get(); }

 private:
  os::UniqueFd fd_;
};

struct Owner : RelayOwner {
  explicit Owner(std::atomic<int>& count) : alive(count) { ++alive; }
  ~Owner() override { --alive; }
  std::atomic<int>& alive;
};

class RelayTest : public testing::Test {
 protected:
  RelayTest() {
    std::signal(SIGPIPE, SIG_IGN);
    tasks_.spawn("relay", relay_.run());
    thread_ = std::thread([this] { context_.run(); });
    connect();
  }
  ~RelayTest() override {
    on_loop([this] { relay_.stop(); });
    asio::co_spawn(context_, tasks_.stop(1s), asio::use_future).get();
    work_.reset();
    thread_.join();
    EXPECT_EQ(owners_, 0);
  }

  template <typename Function>
  void on_loop(Function function) {
    asio::post(context_, std::packaged_task<void()>(function)).get();
  }

  void connect(std::string to_client = kReady, std::string to_server = {}) {
    int client[2], server[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, client), 0);
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, server), 0);
    for (const int fd : {client[0], server[0]}) ::fcntl(fd, F_SETFL, 0);
    client_ = std::make_unique<Peer>(client[0]);
    server_ = std::make_unique<Peer>(server[0]);
    asio::post(context_, std::packaged_task<void()>([&] {
                 session_ =
                     relay_.start({net::SocketIo(os::UniqueFd(client[1])),
                                   net::SocketIo(os::UniqueFd(server[1])), to_client, to_server},
                                  &activity_, std::make_unique<Owner>(owners_));
               }))
        .get();
    EXPECT_EQ(client_->receive(to_client.size()), to_client);
    EXPECT_EQ(server_->receive(to_server.size()), to_server);
  }
  void cut() {
    on_loop([this] { relay_.cut(session_, kFarewell); });
  }
  bool ends() {
    for (int i = 0; i < 1000 && owners_ > 0; ++i) std::this_thread::sleep_for(5ms);
    return owners_ == 0;
  }

  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  Metrics metrics_;
  Relay relay_{context_.get_executor(), metrics_};
  net::TaskGroup tasks_{context_.get_executor()};
  std::thread thread_;
  std::atomic<int> owners_ = 0;
  Timestamp activity_;
  Relay::Session* session_ = nullptr;
  std::unique_ptr<Peer> client_, server_;
};

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST_F(RelayTest, bytes_pass_both_ways_untouched) {
  const std::string question = pattern(1000), answer = pattern(5000);
  client_->send(question);
  EXPECT_EQ(server_->receive(1000), question);
  server_->send(answer);
  EXPECT_EQ(client_->receive(5000), answer);
}

TEST_F(RelayTest, bytes_received_before_the_relay_began_come_first) {
  connect("greeting", "early question");
  client_->send("X");
  EXPECT_EQ(server_->receive(1), "X");
}

TEST_F(RelayTest, a_slow_receiver_gets_everything_in_order_and_slows_its_sender) {
  const std::string bytes = pattern(20'000'000);
  std::thread sender([&] { server_->send(bytes); });
  std::this_thread::sleep_for(200ms);
  EXPECT_LT(metrics_.from_instances_bytes_total, 2'000'000u) << "the relay buffers without limit";
  EXPECT_EQ(client_->receive(bytes.size()), bytes);
  sender.join();
}

TEST_F(RelayTest, both_ways_run_at_full_speed_at_once) {
  const std::string bytes = pattern(5'000'000);
  std::thread a([&] { server_->send(bytes); }), b([&] { client_->send(bytes); });
  std::thread c([&] { EXPECT_EQ(server_->receive(bytes.size()), bytes); });
  EXPECT_EQ(client_->receive(bytes.size()), bytes);
  for (auto* thread : {&a, &b, &c}) thread->join();
}

TEST_F(RelayTest, a_blocked_session_does_not_hold_up_another) {
  auto slow_client = std::move(client_), slow_server = std::move(server_);
  const std::string bytes = pattern(5'000'000);
  std::thread sender([&] { slow_server->send(bytes); });
  connect();
  for (int i = 0; i < 100; ++i) {
    client_->send("ping");
    ASSERT_EQ(server_->receive(4), "ping");
  }
  EXPECT_EQ(slow_client->receive(bytes.size()), bytes);
  sender.join();
}

TEST_F(RelayTest, a_client_that_ends_its_output_still_gets_the_answer) {
  client_->send("question");
  client_->end_output();
  EXPECT_EQ(server_->receive(100), "question");
  server_->send("answer");
  server_->close();
  EXPECT_EQ(client_->receive(100), "answer");
  EXPECT_TRUE(ends());
}

TEST_F(RelayTest, the_last_words_of_an_instance_arrive_before_the_end) {
  const std::string words = pattern(300'000);
  std::thread sender([&] {
    server_->send(words);
    server_->close();
  });
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(client_->receive(words.size() + 1), words);
  sender.join();
  EXPECT_TRUE(ends());
}

TEST_F(RelayTest, last_words_arrive_even_while_the_client_still_sends) {
  server_->send(kFarewell);
  server_->close();
  std::this_thread::sleep_for(20ms);
  ::send(client_->fd(), "x", 1, MSG_NOSIGNAL);
  EXPECT_EQ(client_->receive(1000), kFarewell);
}

TEST_F(RelayTest, a_client_that_vanishes_ends_the_instances_side) {
  server_->send("answer nobody reads");
  std::this_thread::sleep_for(20ms);
  client_->close();
  EXPECT_TRUE(server_->at_end());
  server_->close();
  EXPECT_TRUE(ends());
}

TEST_F(RelayTest, a_client_that_vanishes_in_the_middle_of_a_result_ends_the_session) {
  const std::string bytes = pattern(5'000'000);
  std::thread sender([&] {
    std::string_view rest = bytes;
    while (!rest.empty()) {
      const ssize_t sent = ::send(server_->fd(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
  });
  client_->receive(1000);
  client_->close();
  EXPECT_TRUE(ends());
  sender.join();
}

TEST_F(RelayTest, an_idle_client_that_is_cut_reads_why) {
  cut();
  EXPECT_EQ(client_->receive(1000), kFarewell);
  EXPECT_TRUE(server_->at_end());
  EXPECT_TRUE(ends());
}

TEST_F(RelayTest, a_client_that_waits_for_an_answer_and_is_cut_reads_why) {
  client_->send("a query that runs long");
  server_->receive(22);
  cut();
  EXPECT_EQ(client_->receive(1000), kFarewell);
}

TEST_F(RelayTest, a_client_that_is_cut_in_the_middle_of_a_result_gets_no_message_into_it) {
  server_->send("half a row");
  EXPECT_EQ(client_->receive(10), "half a row");
  cut();
  EXPECT_EQ(client_->receive(1000), "");
}

TEST_F(RelayTest, the_end_of_a_result_is_seen_however_it_is_split) {
  for (std::size_t at = 0; at <= kReady.size(); ++at) {
    connect();
    server_->send("row" + kReady.substr(0, at));
    client_->receive(3 + at);
    server_->send(kReady.substr(at));
    client_->receive(kReady.size() - at);
    cut();
    EXPECT_EQ(client_->receive(1000), kFarewell) << at;
  }
}

TEST_F(RelayTest, cutting_twice_is_cutting_once) {
  on_loop([this] {
    relay_.cut(session_, kFarewell);
    relay_.cut(session_, kFarewell);
  });
  EXPECT_EQ(client_->receive(1000), kFarewell);
}

TEST_F(RelayTest, draining_ends_idle_sessions_at_once_and_busy_ones_after_their_answer) {
  auto idle = std::move(client_);
  auto idle_server = std::move(server_);
  connect();
  client_->send("question");
  server_->receive(8);
  auto drained = asio::co_spawn(context_, relay_.drain(kFarewell, 10s), asio::use_future);
  EXPECT_EQ(idle->receive(1000), kFarewell);
  EXPECT_EQ(drained.wait_for(50ms), std::future_status::timeout);
  server_->send("answer" + kReady);
  EXPECT_EQ(client_->receive(1000), "answer" + kReady + kFarewell);
  drained.get();
}

TEST_F(RelayTest, draining_waits_for_the_end_of_a_transaction_but_not_for_ever) {
  const std::string in_transaction = pgwire::build_ready_for_query('T');
  server_->send(in_transaction);
  client_->receive(in_transaction.size());
  const auto started = std::chrono::steady_clock::now();
  asio::co_spawn(context_, relay_.drain(kFarewell, 100ms), asio::use_future).get();
  EXPECT_GE(std::chrono::steady_clock::now() - started, 100ms);
  EXPECT_EQ(client_->receive(1000), kFarewell);
}

TEST_F(RelayTest, activity_is_noted) {
  const Timestamp before = now();
  client_->send("x");
  server_->receive(1);
  on_loop([&] { EXPECT_GE(activity_, before); });
}

}  // namespace
}  // namespace howdah::gate
