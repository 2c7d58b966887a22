// SPDX-License-Identifier: Apache-2.0
#include "net/listener.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <cerrno>

#include "os/ports.h"

namespace howdah::net {

Result<Tcp::acceptor> listen_tcp(asio::any_io_executor executor, const std::string& address,
                                 std::uint16_t port, std::string_view option) {
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  if (error) {
    return fail(ErrorCode::config_invalid, fmt::format("'{}' is not an IP address", address),
                "give an IPv4 or IPv6 address, such as 127.0.0.1 or 0.0.0.0");
  }
  Tcp::acceptor acceptor(executor);
  const Tcp::endpoint endpoint(ip, port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(1024, error);
  if (error == asio::error::address_in_use) {
    return fail(ErrorCode::port_in_use,
                fmt::format("port {} on {} is in use by {}", port, address,
                            os::program_listening_on(port).value_or("another program")),
                fmt::format("stop that program, or choose another port with {} N (0 picks a free "
                            "one)",
                            option));
  }
  if (error == asio::error::access_denied) {
    return fail(ErrorCode::port_in_use, fmt::format("not allowed to listen on port {}", port),
                fmt::format("ports below 1024 need root; choose another with {} N", option));
  }
  if (error) return fail_net(fmt::format("listen on {} port {}", address, port), error);
  return acceptor;
}

bool is_loopback(const std::string& address) {
  error_code error;
  const auto ip = asio::ip::make_address(address, error);
  return !error && ip.is_loopback();
}

Result<Local::acceptor> listen_unix(asio::any_io_executor executor, const std::string& path,
                                    mode_t mode) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return fail(ErrorCode::data_folder_unusable,
                fmt::format("the socket path {} is {} bytes long, over the limit of {}", path,
                            path.size(), sizeof(sockaddr_un::sun_path) - 1),
                "choose a shorter folder");
  }
  ::unlink(path.c_str());
  Local::acceptor acceptor(executor);
  error_code error;
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(path), error);
  if (!error && ::chmod(path.c_str(), mode) != 0) {
    error = error_code(errno, boost::system::system_category());
  }
  if (!error) acceptor.listen(1024, error);
  if (error) return fail_net("listen on " + path, error);
  return acceptor;
}

Task<Local::socket> connect_unix(std::string path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    co_return fail(ErrorCode::unavailable, "the socket path " + path + " is too long");
  }
  Local::socket socket(co_await asio::this_coro::executor);
  auto [error] = co_await socket.async_connect(Local::endpoint(path), kToken);
  if (error == asio::error::operation_aborted) co_return fail_net("connect to " + path, error);
  if (error) co_return fail(ErrorCode::unavailable, "connect to " + path + ": " + error.message());
  co_return socket;
}

Task<Tcp::socket> connect_tcp(std::string host, std::uint16_t port) {
  const std::string what = "connect to " + host + ":" + std::to_string(port);
  Tcp::resolver resolver(co_await asio::this_coro::executor);
  auto [unknown, found] = co_await resolver.async_resolve(host, std::to_string(port), kToken);
  if (unknown == asio::error::operation_aborted) co_return fail_net(what, unknown);
  if (unknown) co_return fail(ErrorCode::unavailable, what + ": " + unknown.message());
  Tcp::socket socket(co_await asio::this_coro::executor);
  auto [error, endpoint] = co_await asio::async_connect(socket, found, kToken);
  if (error == asio::error::operation_aborted) co_return fail_net(what, error);
  if (error) co_return fail(ErrorCode::unavailable, what + ": " + error.message());
  co_return socket;
}

Result<PeerCredentials> peer_credentials(Local::socket& socket) {
  ucred credentials{};
  socklen_t size = sizeof(credentials);
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return fail_errno("ask who is at the other end of a socket", errno);
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

}  // namespace howdah::net
