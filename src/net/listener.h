// SPDX-License-Identifier: Apache-2.0
// Listening sockets with errors that say what to do, and who is at the other end of a unix socket.
#pragma once
#include <sys/types.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstdint>
#include <string>

#include "base/error.h"
#include "net/task.h"

namespace howdah::net {

using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

// address: an IPv4 or IPv6 address. port 0 picks a free one (ask local_endpoint()).
// Errors: port_in_use naming the program that holds it and `option`, the flag that chooses another.
Result<Tcp::acceptor> listen_tcp(asio::any_io_executor executor, const std::string& address,
                                 std::uint16_t port, std::string_view option);

// Only this machine reaches it: 127.0.0.0/8 or ::1. False for what is no address.
bool is_loopback(const std::string& address);

// Replaces a socket file left behind by a dead process. mode: permissions of the file.
// Errors: data_folder_unusable for a path over 107 bytes.
Result<Local::acceptor> listen_unix(asio::any_io_executor executor, const std::string& path,
                                    mode_t mode);

// Errors: unavailable when nobody listens there.
Task<Local::socket> connect_unix(std::string path);
// host: a name or an address; each of its addresses is tried. Errors: as connect_unix().
Task<Tcp::socket> connect_tcp(std::string host, std::uint16_t port);

struct PeerCredentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};
Result<PeerCredentials> peer_credentials(Local::socket& socket);

}  // namespace howdah::net
