// SPDX-License-Identifier: Apache-2.0
#include "gate/relay.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace howdah::gate {
namespace {

using net::IoResult;
using net::IoState;

constexpr int kEventsMax = 128;  // in one round
constexpr int kRoundsMax = 16;   // in one turn
constexpr int kReadsMax = 8;     // of one session in one turn, for fairness
constexpr std::size_t kBuffersKept = 64;
constexpr std::size_t kTailBytes = 6;
constexpr std::array<char, 5> kReadyForQuery{'Z', 0, 0, 0, 5};
// CommandComplete, its length, its tag and the NUL behind it.
constexpr std::array<char, 16> kAlterRole{'C', 0,   0,   0,   15,  'A', 'L', 'T',
                                          'E', 'R', ' ', 'R', 'O', 'L', 'E', 0};

// bytes end in a ReadyForQuery; right before it an ALTER ROLE was completed. Where the statement
// stands elsewhere (inside a DO block, before others) it is found by the watch's regular look.
bool tells_of_role(std::span<const char> bytes) {
  constexpr std::size_t kWhole = kAlterRole.size() + kTailBytes;
  return bytes.size() >= kWhole && std::memcmp(bytes.data() + bytes.size() - kWhole,
                                               kAlterRole.data(), kAlterRole.size()) == 0;
}

}  // namespace

// One of the two sockets of a session.
struct Relay::End {
  End(net::SocketIo socket, Session* of) : io(std::move(socket)), session(of) {}

  net::SocketIo io;
  Session* session;
  std::uint32_t interest = 0;  // what epoll watches; 0: not in the set
  bool wants_write = false;    // a TLS read must write first
  bool wants_read = false;     // a TLS write must read first
};

// One direction of a session.
struct Relay::Flow {
  Flow(End& source, End& sink, std::string first)
      : from(source), to(sink), pending(std::move(first)) {}

  bool blocked() const { return sent < pending.size(); }

  End& from;
  End& to;
  std::string pending;    // read and not yet written
  std::size_t sent = 0;   // of pending
  bool ended = false;     // nothing more comes
  bool finished = false;  // the receiver was told so
  bool lost = false;      // the receiver takes nothing more
};

class Relay::Session {
 public:
  Session(RelayEnds ends, Timestamp* active, std::unique_ptr<RelayOwner> of)
      : client(std::move(ends.client), this),
        server(std::move(ends.server), this),
        to_server(client, server, std::move(ends.to_server)),
        to_client(server, client, std::move(ends.to_client)),
        activity(active),
        owner(std::move(of)) {
    remember_tail(to_client.pending);
  }

  void remember_tail(std::span<const char> bytes) {
    if (bytes.size() >= kTailBytes) {
      std::memcpy(tail.data(), bytes.data() + bytes.size() - kTailBytes, kTailBytes);
      return;
    }
    std::memmove(tail.data(), tail.data() + bytes.size(), kTailBytes - bytes.size());
    std::memcpy(tail.data() + kTailBytes - bytes.size(), bytes.data(), bytes.size());
  }

  // The client has read a whole ReadyForQuery last. Data could look the same; the worst that comes
  // of it is a garbled last message on a connection that ends anyway.
  bool at_ready_for_query() const {
    return !to_client.blocked() &&
           std::equal(kReadyForQuery.begin(), kReadyForQuery.end(), tail.begin());
  }
  // Nothing is under way: no transaction, and nothing asked since the last answer.
  bool quiet() const { return at_ready_for_query() && tail.back() == 'I' && !asked; }

  End client;
  End server;
  Flow to_server;
  Flow to_client;
  Timestamp* activity;
  std::unique_ptr<RelayOwner> owner;
  std::list<std::unique_ptr<Session>>::iterator place;
  std::array<char, kTailBytes> tail{};
  std::uint64_t from_client_bytes = 0;
  std::uint64_t from_server_bytes = 0;
  Timestamp last_activity;
  bool altered_role = false;  // told so, and perhaps not yet committed
  bool asked = false;         // the client sent something since the last ReadyForQuery
  bool queued = false;        // is in again_
  bool dead = false;
};

Relay::Relay(asio::any_io_executor executor, Metrics& metrics)
    : metrics_(metrics),
      epoll_(executor, ::epoll_create1(EPOLL_CLOEXEC)),
      wake_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      scratch_(std::make_unique<std::array<char, kScratchBytes>>()),
      now_(now()) {
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, wake_fd_.get(), &event);
}

Relay::~Relay() = default;

Relay::Session* Relay::start(RelayEnds ends, Timestamp* activity,
                             std::unique_ptr<RelayOwner> owner) {
  auto session = std::make_unique<Session>(std::move(ends), activity, std::move(owner));
  Session* started = session.get();
  started->place = sessions_.insert(sessions_.end(), std::move(session));
  ++metrics_.sessions_total;
  started->last_activity = now();
  pump_both(*started);
  wake();  // what pumping left behind is for the next turn
  return started;
}

void Relay::cut(Session* session, std::string_view farewell) {
  if (session->dead) return;
  say_farewell(*session, farewell);
  end(*session);
  wake();
}

SessionTraffic Relay::look(const Session& session) const {
  SessionTraffic traffic;
  traffic.from_client_bytes = session.from_client_bytes;
  traffic.to_client_bytes = session.from_server_bytes;
  traffic.last_activity = session.last_activity;
  if (session.asked || !session.at_ready_for_query()) return traffic;
  switch (session.tail.back()) {
    case 'I':
      traffic.state = SessionTraffic::State::idle;
      break;
    case 'T':
      traffic.state = SessionTraffic::State::in_transaction;
      break;
    case 'E':
      traffic.state = SessionTraffic::State::in_failed_transaction;
      break;
    default:
      break;
  }
  return traffic;
}

void Relay::wake() {
  const std::uint64_t one = 1;
  // Full means that a wake-up is under way already.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof(one));
}

Task<void> Relay::run() {
  const auto executor = co_await asio::this_coro::executor;
  while (!stopping_) {
    if (again_.empty()) {
      auto [error] =
          co_await epoll_.async_wait(asio::posix::descriptor_base::wait_read, net::kToken);
      if (error) co_return net::fail_net("wait for client data", error);
    } else {
      co_await asio::post(executor, asio::use_awaitable);  // others first
    }
    turn();
  }
  while (!sessions_.empty()) end(*sessions_.front());
  ended_.clear();
  co_return Result<void>{};
}

void Relay::stop() {
  stopping_ = true;
  wake();
}

// Handles what is ready, and what has become ready meanwhile: going back to the io_context costs
// two system calls, so under load it is done once in a while and not for each handful of messages.
void Relay::turn() {
  for (int round = 0; round < kRoundsMax; ++round) {
    now_ = now();
    std::array<epoll_event, kEventsMax> events;
    const int count = ::epoll_wait(epoll_.native_handle(), events.data(), kEventsMax, 0);
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr == nullptr) {
        std::uint64_t ignored = 0;
        [[maybe_unused]] const ssize_t size = ::read(wake_fd_.get(), &ignored, sizeof(ignored));
        continue;
      }
      End& end = *static_cast<End*>(event.data.ptr);
      if (!end.session->dead) handle(end, event.events);
    }
    std::vector<Session*> again;
    again.swap(again_);
    for (Session* session : again) {
      session->queued = false;
      if (!session->dead) pump_both(*session);
    }
    ended_.clear();
    if (count <= 0) break;
  }
}

void Relay::handle(End& end, std::uint32_t events) {
  Session& session = *end.session;
  if (end.io.under_tls()) return pump_both(session);  // either event may serve either direction
  const bool is_client = &end == &session.client;
  Flow& in = is_client ? session.to_server : session.to_client;
  Flow& out = is_client ? session.to_client : session.to_server;
  Progress progress = Progress::blocked;
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0) progress = pump(session, in);
  if (progress != Progress::over && (events & EPOLLOUT) != 0) {
    progress = std::max(progress, pump(session, out));
  }
  settle(session, progress);
}

void Relay::pump_both(Session& session) {
  Progress progress = pump(session, session.to_server);
  if (progress != Progress::over) progress = std::max(progress, pump(session, session.to_client));
  settle(session, progress);
}

void Relay::settle(Session& session, Progress progress) {
  if (!farewell_.empty() && progress == Progress::blocked && session.quiet()) {
    say_farewell(session, farewell_);
    progress = Progress::over;
  }
  if (progress == Progress::over) return end(session);
  if (progress == Progress::more && !session.queued) {
    session.queued = true;
    again_.push_back(&session);
  }
  update_interest(session);
}

Relay::Progress Relay::pump(Session& session, Flow& flow) {
  for (int reads = 0; reads < kReadsMax; ++reads) {
    if (!flush(flow)) {
      // A client that is gone ends its session. Of an instance that is gone, the last words are
      // still to be read.
      if (&flow == &session.to_client) return Progress::over;
      flow.lost = true;
      flow.ended = true;
      flow.pending.clear();
      flow.sent = 0;
    }
    if (flow.blocked()) return Progress::blocked;
    if (flow.ended) return finish(session, flow);
    bool drained = false;
    const Progress progress = take_in(session, flow, drained);
    if (progress != Progress::more) return progress;
    if (drained || flow.blocked()) return Progress::blocked;
  }
  return Progress::more;
}

// Reads once and passes it on. drained: nothing more is there now.
Relay::Progress Relay::take_in(Session& session, Flow& flow, bool& drained) {
  const bool from_client = &flow == &session.to_server;
  flow.from.wants_write = false;
  const IoResult result = flow.from.io.read(*scratch_);
  switch (result.state) {
    case IoState::want_read:
      return Progress::blocked;
    case IoState::want_write:
      flow.from.wants_write = true;
      return Progress::blocked;
    case IoState::failed:
      if (from_client) return Progress::over;
      [[fallthrough]];
    case IoState::closed:
      flow.ended = true;
      return Progress::more;
    case IoState::done:
      break;
  }
  (from_client ? metrics_.from_clients_bytes_total : metrics_.from_instances_bytes_total) +=
      result.bytes;
  (from_client ? session.from_client_bytes : session.from_server_bytes) += result.bytes;
  *session.activity = session.last_activity = now_;
  const std::span<const char> bytes(scratch_->data(), result.bytes);
  if (from_client) {
    session.asked = true;
  } else {
    session.remember_tail(bytes);
    if (session.at_ready_for_query()) {
      session.asked = false;
      if (tells_of_role(bytes)) session.altered_role = true;
      if (session.altered_role && session.tail.back() == 'I') {
        session.altered_role = false;
        session.owner->on_role_altered();
      }
    }
  }
  deliver(flow, bytes);
  // epoll is level-triggered: what a short read left behind is told again.
  drained = flow.from.io.under_tls() ? !result.again : result.bytes < kScratchBytes;
  return Progress::more;
}

// Writes what is pending. False: the receiver is gone.
bool Relay::flush(Flow& flow) {
  if (flow.lost) return false;
  flow.to.wants_read = false;
  while (flow.blocked()) {
    const IoResult result = flow.to.io.write(std::span(flow.pending).subspan(flow.sent));
    if (result.state == IoState::done) {
      flow.sent += result.bytes;
      continue;
    }
    if (result.state == IoState::want_read) flow.to.wants_read = true;
    if (result.state == IoState::failed || result.state == IoState::closed) return false;
    return true;
  }
  if (flow.sent > 0) {
    give_back(std::exchange(flow.pending, {}));
    flow.sent = 0;
  }
  return true;
}

// Writes what goes at once and keeps the rest. A failure shows when the rest is flushed.
void Relay::deliver(Flow& flow, std::span<const char> bytes) {
  const IoResult result = flow.to.io.write(bytes);
  const std::size_t written = result.state == IoState::done ? result.bytes : 0;
  if (written == bytes.size()) return;
  flow.pending = take_buffer();
  flow.pending.assign(bytes.data() + written, bytes.size() - written);
  flow.sent = 0;
  if (result.state == IoState::want_read) flow.to.wants_read = true;
}

// Everything from one side has been passed on, and it has ended.
Relay::Progress Relay::finish(Session& session, Flow& flow) {
  if (&flow == &session.to_client) {
    say_farewell(session, {});
    return Progress::over;
  }
  if (!flow.finished) {
    flow.finished = true;
    // The instance ends the session when it has answered everything that came before.
    if (!flow.lost) flow.to.io.end_output();
  }
  return Progress::blocked;
}

void Relay::update_interest(Session& session) {
  const auto wanted = [](const End& end, const Flow& in, const Flow& out) {
    std::uint32_t interest = 0;
    if ((!in.ended && !in.blocked()) || end.wants_read) interest |= EPOLLIN | EPOLLRDHUP;
    if ((out.blocked() && !end.wants_read) || end.wants_write) interest |= EPOLLOUT;
    return interest;
  };
  watch(session.client, wanted(session.client, session.to_server, session.to_client));
  watch(session.server, wanted(session.server, session.to_client, session.to_server));
}

void Relay::watch(End& end, std::uint32_t interest) {
  if (interest == end.interest) return;
  // Without interest the socket leaves the set: epoll reports a hang-up even unasked, over and
  // over.
  const int operation = end.interest == 0 ? EPOLL_CTL_ADD
                        : interest == 0   ? EPOLL_CTL_DEL
                                          : EPOLL_CTL_MOD;
  epoll_event event{.events = interest, .data = {.ptr = &end}};
  ::epoll_ctl(epoll_.native_handle(), operation, end.io.fd(), &event);
  end.interest = interest;
}

void Relay::say_farewell(Session& session, std::string_view farewell) {
  if (!farewell.empty() && session.at_ready_for_query()) session.client.io.write(farewell);
  session.client.io.end_output();
  // Closing a socket with unread bytes resets the connection, and the client may lose what was
  // said last.
  for (int reads = 0; reads < kReadsMax; ++reads) {
    if (session.client.io.read(*scratch_).state != IoState::done) break;
  }
}

void Relay::end(Session& session) {
  session.dead = true;
  session.client.io = net::SocketIo(os::UniqueFd());
  session.server.io = net::SocketIo(os::UniqueFd());
  ended_.push_back(std::move(*session.place));
  sessions_.erase(session.place);
}

asio::awaitable<void> Relay::drain(std::string farewell, milliseconds limit) {
  constexpr milliseconds kStep{20};
  farewell_ = std::move(farewell);
  const auto give_up = std::chrono::steady_clock::now() + limit;
  for (auto next = sessions_.begin(); next != sessions_.end();) {
    Session& session = **next++;
    if (session.quiet()) cut(&session, farewell_);
  }
  while (!sessions_.empty() && std::chrono::steady_clock::now() < give_up) {
    co_await net::sleep_for(kStep);
  }
  while (!sessions_.empty()) cut(sessions_.front().get(), farewell_);
  while (!ended_.empty()) co_await net::sleep_for(milliseconds{1});
}

std::string Relay::take_buffer() {
  if (buffers_.empty()) return {};
  std::string buffer = std::move(buffers_.back());
  buffers_.pop_back();
  return buffer;
}

void Relay::give_back(std::string buffer) {
  if (buffers_.size() < kBuffersKept && buffer.capacity() <= 2 * kScratchBytes) {
    buffers_.push_back(std::move(buffer));
  }
}

}  // namespace howdah::gate
