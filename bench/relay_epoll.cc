// SPDX-License-Identifier: Apache-2.0
// The yardstick with epoll: a bare one-to-one relay from 127.0.0.1 to a unix socket. One thread,
// level-triggered, one read and one write for each message, nothing looked at. What the gate does
// beside this is what the gate costs.
#include <sys/epoll.h>

#include <array>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay_sockets.h"

namespace howdah::bench {
namespace {

constexpr std::size_t kReadBytes = 65'536;

struct Pair;

// One socket of a pair, and the bytes that wait to be written to it.
struct Side {
  int fd = -1;
  Pair* pair = nullptr;
  Side* other = nullptr;
  std::vector<char> pending;
  bool ended = false;  // its reading direction is over
};

struct Pair {
  std::array<Side, 2> sides;
  bool dead = false;
};

class Relay {
 public:
  explicit Relay(const RelayFlags& flags)
      : server_(flags.server),
        epoll_(check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        listener_(listen_and_announce(flags.port, SOCK_NONBLOCK)) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    check(epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event), "epoll_ctl");
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) give_up("epoll_wait");
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
      // Not earlier: a later event of the same batch may point into a dead pair.
      if (std::exchange(any_dead_, false)) {
        std::erase_if(pairs_, [](const auto& pair) { return pair->dead; });
      }
    }
  }

 private:
  void handle(const epoll_event& event) {
    if (event.data.ptr == nullptr) return accept_all();
    Side& side = *static_cast<Side*>(event.data.ptr);
    if (side.pair->dead) return;
    if ((event.events & EPOLLOUT) != 0) flush(side);
    // A hang-up is found by reading; while bytes wait for the other side, reading waits too.
    const bool may_read = side.other->pending.empty() && !side.ended;
    if (!side.pair->dead && may_read && (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
      pump(side);
    } else if (!side.pair->dead && (event.events & EPOLLERR) != 0) {
      destroy(*side.pair);
    }
  }

  void accept_all() {
    for (;;) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (client < 0) return;
      const int server = connect_to_server(server_, SOCK_NONBLOCK);
      if (server < 0) {
        close(client);
        continue;
      }
      set_no_delay(client);
      auto pair = std::make_unique<Pair>();
      for (std::size_t i = 0; i < 2; ++i) {
        Side& side = pair->sides[i];
        side.fd = i == 0 ? client : server;
        side.pair = pair.get();
        side.other = &pair->sides[1 - i];
        set_interest(side, EPOLL_CTL_ADD);
      }
      pairs_.insert(std::move(pair));
    }
  }

  void set_interest(Side& side, int operation) {
    epoll_event event{.events = 0, .data = {.ptr = &side}};
    if (!side.ended && side.other->pending.empty()) event.events |= EPOLLIN;
    if (!side.pending.empty()) event.events |= EPOLLOUT;
    check(epoll_ctl(epoll_, operation, side.fd, &event), "epoll_ctl");
  }

  // Moves what `from` has received to the other side, as far as that takes it.
  void pump(Side& from) {
    Side& to = *from.other;
    const ssize_t received = recv(from.fd, buffer_.data(), buffer_.size(), 0);
    if (received < 0) {
      if (errno != EAGAIN && errno != EINTR) destroy(*from.pair);
      return;
    }
    if (received == 0) return end(from);
    const ssize_t sent =
        send(to.fd, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return destroy(*from.pair);
    if (sent == received) return;
    to.pending.assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + received);
    set_interest(from, EPOLL_CTL_MOD);
    set_interest(to, EPOLL_CTL_MOD);
  }

  void flush(Side& to) {
    const ssize_t sent = send(to.fd, to.pending.data(), to.pending.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) destroy(*to.pair);
      return;
    }
    to.pending.erase(to.pending.begin(), to.pending.begin() + sent);
    if (!to.pending.empty()) return;
    set_interest(to, EPOLL_CTL_MOD);
    set_interest(*to.other, EPOLL_CTL_MOD);
  }

  // `from` will send no more. Its bytes are all passed on, since reading waits for writing.
  void end(Side& from) {
    from.ended = true;
    shutdown(from.other->fd, SHUT_WR);
    if (from.other->ended) return destroy(*from.pair);
    set_interest(from, EPOLL_CTL_MOD);
  }

  void destroy(Pair& pair) {
    pair.dead = true;
    any_dead_ = true;
    for (const Side& side : pair.sides) close(side.fd);
  }

  sockaddr_un server_;
  int epoll_;
  int listener_;
  std::array<char, kReadBytes> buffer_{};
  std::unordered_set<std::unique_ptr<Pair>> pairs_;
  bool any_dead_ = false;
};

}  // namespace
}  // namespace howdah::bench

int main(int argc, char** argv) {
  const auto relay = std::make_unique<howdah::bench::Relay>(howdah::bench::parse_flags(argc, argv));
  relay->run();
}
