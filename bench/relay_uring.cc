// SPDX-License-Identifier: Apache-2.0
// The yardstick with io_uring: the same bare relay as relay_epoll.cc. One thread, one system call
// for each round of the loop: multishot accept and receive into a ring of provided buffers, sends
// straight from them, task work deferred to our own waiting (kernel 6.1 or newer).
//
// All connections share the buffers, so a client that never reads could take them all: fine for a
// yardstick, not for a gate.
#include <liburing.h>
#include <sys/mman.h>

#include <array>
#include <deque>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "relay_sockets.h"

namespace howdah::bench {
namespace {

constexpr unsigned kQueueEntries = 1024;
constexpr std::uint16_t kBuffers = 1024;  // a power of two
constexpr std::size_t kBufferBytes = 16'384;
constexpr int kBufferGroup = 0;

enum class Work : std::uintptr_t { receive = 0, send = 1 };

struct Pair;

// One socket of a pair: what was received here waits in `queue` to be sent to the other.
struct Side {
  struct Piece {
    std::uint16_t buffer;
    unsigned size;
  };
  int fd = -1;
  Pair* pair = nullptr;
  Side* other = nullptr;
  std::deque<Piece> queue;
  bool receiving = false;  // a multishot receive is armed
  bool sending = false;    // the front of the queue is on its way
  bool ended = false;
};

struct Pair {
  std::array<Side, 2> sides;
  bool broken = false;
};

class Relay {
 public:
  explicit Relay(const RelayFlags& flags)
      : server_(flags.server), listener_(listen_and_announce(flags.port, 0)) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
    params.cq_entries = 4 * kQueueEntries;
    require(io_uring_queue_init_params(kQueueEntries, &ring_, &params), "io_uring_queue_init");
    set_up_buffers();
    arm_accept();
  }

  [[noreturn]] void run() {
    for (;;) {
      const int submitted = io_uring_submit_and_wait(&ring_, 1);
      if (submitted < 0 && submitted != -EINTR) require(submitted, "io_uring_submit_and_wait");
      unsigned head = 0;
      unsigned seen = 0;
      io_uring_cqe* cqe = nullptr;
      io_uring_for_each_cqe(&ring_, head, cqe) {
        handle(*cqe);
        ++seen;
      }
      io_uring_cq_advance(&ring_, seen);
      rearm_starved();
    }
  }

 private:
  static void require(int result, const char* what) {
    if (result >= 0) return;
    errno = -result;
    give_up(what);
  }

  // By hand: liburing 2.3 lacks io_uring_setup_buf_ring.
  void set_up_buffers() {
    const std::size_t ring_bytes = kBuffers * sizeof(io_uring_buf);
    void* memory = mmap(nullptr, ring_bytes + kBuffers * kBufferBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) give_up("mmap");
    buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
    buffers_ = static_cast<char*>(memory) + ring_bytes;
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    registration.ring_entries = kBuffers;
    registration.bgid = kBufferGroup;
    require(io_uring_register_buf_ring(&ring_, &registration, 0), "io_uring_register_buf_ring");
    io_uring_buf_ring_init(buffer_ring_);
    for (std::uint16_t i = 0; i < kBuffers; ++i) give_back(i);
  }

  char* address_of(std::uint16_t buffer) { return buffers_ + buffer * kBufferBytes; }

  void give_back(std::uint16_t buffer) {
    io_uring_buf_ring_add(buffer_ring_, address_of(buffer), kBufferBytes, buffer,
                          io_uring_buf_ring_mask(kBuffers), 0);
    io_uring_buf_ring_advance(buffer_ring_, 1);
  }

  io_uring_sqe* next_sqe() {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
      require(io_uring_submit(&ring_), "io_uring_submit");
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  // What a completion belongs to: a side, and in its lowest bit the kind of work.
  static std::uint64_t tag(Side& side, Work work) {
    return reinterpret_cast<std::uintptr_t>(&side) | static_cast<std::uintptr_t>(work);
  }

  void arm_accept() {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(sqe, 0);
  }

  void arm_receive(Side& side) {
    io_uring_sqe* sqe = next_sqe();
    io_uring_prep_recv_multishot(sqe, side.fd, nullptr, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = kBufferGroup;
    io_uring_sqe_set_data64(sqe, tag(side, Work::receive));
    side.receiving = true;
  }

  void handle(const io_uring_cqe& cqe) {
    if (cqe.user_data == 0) return accepted(cqe);
    Side& side = *reinterpret_cast<Side*>(static_cast<std::uintptr_t>(cqe.user_data & ~1ULL));
    if ((cqe.user_data & 1) != 0) {
      sent(side, cqe);
    } else {
      received(side, cqe);
    }
    finish(*side.pair);
  }

  void accepted(const io_uring_cqe& cqe) {
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) arm_accept();
    if (cqe.res < 0) return;
    const int server = connect_to_server(server_, 0);
    if (server < 0) {
      close(cqe.res);
      return;
    }
    set_no_delay(cqe.res);
    auto pair = std::make_unique<Pair>();
    for (std::size_t i = 0; i < 2; ++i) {
      Side& side = pair->sides[i];
      side.fd = i == 0 ? cqe.res : server;
      side.pair = pair.get();
      side.other = &pair->sides[1 - i];
      arm_receive(side);
    }
    pairs_.insert(std::move(pair));
  }

  void received(Side& side, const io_uring_cqe& cqe) {
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) side.receiving = false;
    if (cqe.res > 0) {
      const auto buffer = static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
      side.queue.push_back({buffer, static_cast<unsigned>(cqe.res)});
      if (!side.sending) send_front(side);
      if (!side.receiving) arm_receive(side);
    } else if (cqe.res == -ENOBUFS) {
      starved_.push_back(&side);
    } else {
      side.ended = true;
      if (cqe.res < 0) side.pair->broken = true;
      if (side.queue.empty()) shutdown(side.other->fd, SHUT_WR);
    }
  }

  void send_front(Side& side) {
    const Side::Piece& piece = side.queue.front();
    io_uring_sqe* sqe = next_sqe();
    // MSG_WAITALL: the kernel goes on by itself after a short send.
    io_uring_prep_send(sqe, side.other->fd, address_of(piece.buffer), piece.size,
                       MSG_WAITALL | MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, tag(side, Work::send));
    side.sending = true;
  }

  void sent(Side& side, const io_uring_cqe& cqe) {
    side.sending = false;
    if (cqe.res < 0 || static_cast<unsigned>(cqe.res) < side.queue.front().size) {
      side.pair->broken = true;
      return;
    }
    give_back(side.queue.front().buffer);
    side.queue.pop_front();
    if (!side.queue.empty()) {
      send_front(side);
    } else if (side.ended) {
      shutdown(side.other->fd, SHUT_WR);
    }
  }

  // Receives that found no buffer begin again once a round of sends has given some back.
  void rearm_starved() {
    for (Side* side : std::exchange(starved_, {})) {
      if (!side->pair->broken) arm_receive(*side);
    }
  }

  // Frees the pair when both directions are over and the kernel holds nothing of it any more.
  void finish(Pair& pair) {
    auto& [client, server] = pair.sides;
    if (pair.broken) {
      shutdown(client.fd, SHUT_RDWR);
      shutdown(server.fd, SHUT_RDWR);
    }
    for (const Side& side : pair.sides) {
      const bool over = pair.broken || (side.ended && side.queue.empty());
      if (!over || side.receiving || side.sending) return;
    }
    for (const Side& side : pair.sides) {
      for (const Side::Piece& piece : side.queue) give_back(piece.buffer);
      std::erase(starved_, &side);
      close(side.fd);
    }
    std::erase_if(pairs_, [&](const auto& held) { return held.get() == &pair; });
  }

  sockaddr_un server_;
  int listener_;
  io_uring ring_{};
  io_uring_buf_ring* buffer_ring_ = nullptr;
  char* buffers_ = nullptr;
  std::vector<Side*> starved_;
  std::unordered_set<std::unique_ptr<Pair>> pairs_;
};

}  // namespace
}  // namespace howdah::bench

int main(int argc, char** argv) {
  const auto relay = std::make_unique<howdah::bench::Relay>(howdah::bench::parse_flags(argc, argv));
  relay->run();
}
