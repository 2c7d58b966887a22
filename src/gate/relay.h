// SPDX-License-Identifier: Apache-2.0
// Moves bytes between clients and their server connections, untouched.
//
// It has its own epoll set, which the io_context watches as one descriptor: the cost of a message
// is one read and one write, and nothing is allocated. All sessions share one scratch buffer; a
// session owns memory only while its receiver is slower than its sender, and then nothing more is
// read from the sender. Protocol messages are not looked at, with one exception: the last six bytes
// sent to a client tell whether an error message may be put behind them, and where they are a
// ReadyForQuery, the bytes before them tell whether the last statement was an ALTER ROLE.
// Owned by the gate, used on its one thread; run() must be running.
#pragma once
#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "gate/live_sessions.h"
#include "gate/metrics.h"
#include "net/socket_io.h"
#include "net/task.h"
#include "os/file.h"

namespace howdah::gate {

// Holds what a session needs for as long as it is relayed. Destroyed soon after both sockets are
// closed, never inside a call to Relay.
class RelayOwner {
 public:
  virtual ~RelayOwner() = default;
  // The client has been told that a role was altered, and is between two transactions. Not called
  // for every such statement: see Relay. Must not call back into the Relay.
  virtual void on_role_altered() {}
};

struct RelayEnds {
  net::SocketIo client;
  net::SocketIo server;
  std::string to_client;  // to be sent before anything else
  std::string to_server;
};

class Relay {
 public:
  class Session;

  Relay(asio::any_io_executor executor, Metrics& metrics);
  ~Relay();

  // activity: set whenever bytes move; must live as long as owner.
  // The returned handle is good until owner is destroyed.
  Session* start(RelayEnds ends, Timestamp* activity, std::unique_ptr<RelayOwner> owner);
  // Ends a session. farewell: an ErrorResponse, sent if the client is between two messages, which
  // it is unless a result is on its way.
  void cut(Session* session, std::string_view farewell);

  // What a session does now. Its server's pid is the owner's business.
  SessionTraffic look(const Session& session) const;

  std::size_t size() const { return sessions_.size(); }

  // Moves bytes until stop(). Errors: io_error.
  Task<void> run();
  // Cuts each session as soon as it is between transactions, after `limit` all of them; returns
  // when their owners are gone.
  asio::awaitable<void> drain(std::string farewell, milliseconds limit);
  void stop();

 private:
  struct End;
  struct Flow;
  enum class Progress { blocked, more, over };

  static constexpr std::size_t kScratchBytes = 65'536;

  void turn();
  void handle(End& end, std::uint32_t events);
  void pump_both(Session& session);
  void settle(Session& session, Progress progress);
  Progress pump(Session& session, Flow& flow);
  Progress take_in(Session& session, Flow& flow, bool& drained);
  bool flush(Flow& flow);
  void deliver(Flow& flow, std::span<const char> bytes);
  Progress finish(Session& session, Flow& flow);
  void watch(End& end, std::uint32_t interest);
  void update_interest(Session& session);
  void end(Session& session);
  void say_farewell(Session& session, std::string_view farewell);
  std::string take_buffer();
  void give_back(std::string buffer);
  void wake();

  Metrics& metrics_;
  asio::posix::stream_descriptor epoll_;
  os::UniqueFd wake_fd_;
  std::list<std::unique_ptr<Session>> sessions_;
  std::vector<Session*> again_;                  // have more to do without a new event
  std::vector<std::unique_ptr<Session>> ended_;  // destroyed when no event can name them
  std::vector<std::string> buffers_;             // for reuse
  std::unique_ptr<std::array<char, kScratchBytes>> scratch_;
  Timestamp now_;
  std::string farewell_;  // of drain(); empty: not draining
  bool stopping_ = false;
};

}  // namespace howdah::gate
