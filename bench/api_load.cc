// SPDX-License-Identifier: Apache-2.0
// Load on an HTTP API over keep-alive connections, in one thread of epoll.
//
// api_load PORT API_KEY CONNECTIONS SECONDS RATE PATH...
// RATE 0: as fast as the server answers (each connection has one request under way). Else open
// loop: RATE requests a second are due at fixed times, whatever the server does, and a request's
// time runs from when it was due. PATHs take turns. Every answer must be a 200.
// Prints {"requests":N,"seconds":S,"p50_us":..,"p99_us":..,"max_us":..} as one line of JSON.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "api_load: %s\n", what.c_str());
  std::exit(1);
}

// The number at the beginning of the text.
template <typename T>
T number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) die("not a number: " + std::string(text.substr(0, 20)));
  return value;
}

struct Connection {
  int fd = -1;
  Clock::time_point due;
  std::string answer;
};

struct Plan {
  std::uint16_t port = 0;
  std::size_t connections = 1;
  double seconds = 1;
  double rate = 0;
  std::vector<std::string> requests;
};

int open_connection(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// Whether the whole of one answer is there; any other status than 200 ends the program.
bool is_complete(const std::string& answer) {
  const std::size_t head = answer.find("\r\n\r\n");
  if (head == std::string::npos) return false;
  if (!answer.starts_with("HTTP/1.1 200")) die("not a 200: " + answer.substr(0, 600));
  const std::size_t length = answer.find("Content-Length: ");
  if (length == std::string::npos || length > head) die("an answer without Content-Length");
  const auto body = number<std::size_t>(std::string_view(answer).substr(length + 16));
  return answer.size() >= head + 4 + body;
}

class Load {
 public:
  explicit Load(Plan plan) : plan_(std::move(plan)), epoll_(::epoll_create1(0)) {
    all_.resize(plan_.connections);
    for (std::size_t i = 0; i < all_.size(); ++i) {
      all_[i].fd = open_connection(plan_.port);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.u64 = i;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, all_[i].fd, &event);
      idle_.push_back(i);
    }
  }

  void run() {
    begin_ = Clock::now();
    end_ = begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(plan_.seconds));
    while (Clock::now() < end_ || idle_.size() < all_.size()) {
      start_due();
      wait_and_read();
      if (Clock::now() > end_ + std::chrono::seconds(10)) die("answers are missing");
    }
    const std::chrono::duration<double> taken = Clock::now() - begin_;
    std::sort(times_us_.begin(), times_us_.end());
    const auto at = [this](double part) {
      return times_us_[static_cast<std::size_t>(part * static_cast<double>(times_us_.size() - 1))];
    };
    std::printf(
        "{\"requests\":%zu,\"seconds\":%.3f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
        "\"max_us\":%.1f}\n",
        times_us_.size(), taken.count(), at(0.5), at(0.99), times_us_.back());
  }

 private:
  void start_due() {
    const auto now = Clock::now();
    if (plan_.rate > 0) {
      for (; next_due() <= now && next_due() < end_; ++planned_) due_.push_back(next_due());
      for (; !due_.empty() && !idle_.empty(); due_.pop_front()) start(due_.front());
      return;
    }
    while (now < end_ && !idle_.empty()) start(now);
  }

  Clock::time_point next_due() const {
    return begin_ + std::chrono::duration_cast<Clock::duration>(
                        std::chrono::duration<double>(static_cast<double>(planned_) / plan_.rate));
  }

  void start(Clock::time_point due) {
    Connection& connection = all_[idle_.back()];
    idle_.pop_back();
    connection.due = due;
    connection.answer.clear();
    const std::string& request = plan_.requests[sent_++ % plan_.requests.size()];
    if (::send(connection.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      die("send");
    }
  }

  void wait_and_read() {
    std::array<epoll_event, 64> events{};
    int timeout_ms = 100;
    if (plan_.rate > 0) timeout_ms = 1;
    const int count = ::epoll_wait(epoll_, events.data(), events.size(), timeout_ms);
    for (int i = 0; i < count; ++i) read(events[static_cast<std::size_t>(i)].data.u64);
  }

  void read(std::size_t index) {
    Connection& connection = all_[index];
    const ssize_t size = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) die("the server closed a connection");
    connection.answer.append(buffer_.data(), static_cast<std::size_t>(size));
    if (!is_complete(connection.answer)) return;
    const std::chrono::duration<double, std::micro> taken = Clock::now() - connection.due;
    times_us_.push_back(taken.count());
    idle_.push_back(index);
  }

  Plan plan_;
  int epoll_;
  std::vector<Connection> all_;
  std::vector<std::size_t> idle_;
  std::deque<Clock::time_point> due_;
  Clock::time_point begin_, end_;
  std::size_t planned_ = 0, sent_ = 0;
  std::vector<double> times_us_;
  std::vector<char> buffer_ = std::vector<char>(1 << 16);
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 7) die("usage: api_load PORT API_KEY CONNECTIONS SECONDS RATE PATH...");
  Plan plan;
  plan.port = number<std::uint16_t>(argv[1]);
  plan.connections = number<std::size_t>(argv[3]);
  plan.seconds = number<double>(argv[4]);
  plan.rate = number<double>(argv[5]);
  for (int i = 6; i < argc; ++i) {
    plan.requests.push_back(std::string("GET ") + argv[i] +
                            " HTTP/1.1\r\nHost: localhost\r\nX-API-Key: " + argv[2] + "\r\n\r\n");
  }
  Load(std::move(plan)).run();
}
