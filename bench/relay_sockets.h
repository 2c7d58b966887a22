// SPDX-License-Identifier: Apache-2.0
// What both yardstick relays share: flags, the listening socket, the way to the server. A relay
// that cannot start says why and ends.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace howdah::bench {

[[noreturn]] inline void give_up(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

inline int check(int result, const char* what) {
  if (result < 0) give_up(what);
  return result;
}

struct RelayFlags {
  std::uint16_t port = 0;  // 0: any free one
  sockaddr_un server{};
};

// "PORT SOCKET_PATH".
inline RelayFlags parse_flags(int argc, char** argv) {
  RelayFlags flags;
  const std::string_view port = argc == 3 ? argv[1] : "";
  const std::string_view path = argc == 3 ? argv[2] : "";
  const auto number = std::from_chars(port.data(), port.data() + port.size(), flags.port);
  if (port.empty() || number.ec != std::errc() || number.ptr != port.data() + port.size() ||
      path.empty() || path.size() >= sizeof(flags.server.sun_path)) {
    std::fprintf(stderr, "usage: %s PORT SOCKET_PATH\n", argv[0]);
    std::exit(2);
  }
  flags.server.sun_family = AF_UNIX;
  std::memcpy(flags.server.sun_path, path.data(), path.size());
  return flags;
}

// Listens on 127.0.0.1 and prints the port on a line of its own. SIGTERM simply ends the process.
inline int listen_and_announce(std::uint16_t port, int type_flags) {
  const int fd = check(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0), "socket");
  const int on = 1;
  check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), "SO_REUSEADDR");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  check(bind(fd, reinterpret_cast<sockaddr*>(&address), size), "bind");
  check(listen(fd, 512), "listen");
  check(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

// A connection to the server, or -1. A unix socket connects at once or not at all.
inline int connect_to_server(const sockaddr_un& server, int type_flags) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) == 0) return fd;
  close(fd);
  return -1;
}

inline void set_no_delay(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

}  // namespace howdah::bench
