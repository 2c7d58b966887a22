// SPDX-License-Identifier: Apache-2.0
// The node's API: paths, bodies and who may call what. The work itself is elsewhere.
// docs/formats/node-api.md describes it for its callers. One thread.
#pragma once
#include <string>

#include "http/router.h"
#include "instance/server_log.h"
#include "node/claims.h"
#include "node/registry.h"

namespace howdah::node {

// What the API needs of the agent as a whole.
class NodeCalls {
 public:
  virtual ~NodeCalls() = default;
  virtual nodeapi::NodeStatus status(os::DiskSpace space) const = 0;
  virtual asio::awaitable<os::DiskSpace> volume_space() = 0;
  // Errors: invalid_request, volume_full, unsupported.
  virtual Task<void> grow_volume(ByteCount size_bytes) = 0;
  // Errors: not_found, io_error.
  virtual Task<instance::LogPiece> read_log(InstanceId id, instance::LogRange range) = 0;
  virtual Task<void> remove(InstanceId id, bool force) = 0;
  // Where its files are then. Errors: not_found, instance_held, io_error.
  virtual Task<os::Path> set_aside(InstanceId id) = 0;
  virtual Task<void> shut_down() = 0;
  virtual bool closing() const = 0;  // only status and journal are answered then
  virtual Registry& registry() = 0;
  virtual Claims& claims() = 0;
  virtual RoleKeeper& roles() = 0;
  virtual Journal& journal() = 0;
};

// Who is at the other end of the socket, by its uid.
enum class Caller { platform, gate, stranger };
Caller caller_of(const Users& users, uid_t uid);
// A gate may look at instances, and keep awake what it serves, with holds of its own.
bool gate_may_call(http::Method method, std::string_view pattern);
inline constexpr std::string_view kGateHolderPrefix = "gate:";

class NodeRoutes {
 public:
  // Both outlive it.
  NodeRoutes(NodeCalls& calls, const Users& users) : calls_(calls), users_(users) {}
  void add_to(http::Router& router);

 private:
  Task<void> authorise(http::Request& request);
  Task<http::Response> status(http::Request request);
  Task<http::Response> inventory(http::Request request);
  Task<http::Response> list(http::Request request);
  Task<http::Response> show(http::Request request);
  Task<http::Response> claim(http::Request request);
  Task<http::Response> acquire(http::Request request);
  Task<http::Response> renew(http::Request request);
  Task<http::Response> release(http::Request request);
  Task<http::Response> configure(http::Request request);
  Task<http::Response> look_at_roles(http::Request request);
  Task<http::Response> set_roles(http::Request request);
  Task<http::Response> stop(http::Request request);
  Task<http::Response> read_log(http::Request request);
  Task<http::Response> remove(http::Request request);
  Task<http::Response> journal(http::Request request);
  Task<http::Response> set_aside(http::Request request);
  Task<http::Response> grow_volume(http::Request request);
  Task<http::Response> shut_down(http::Request request);

  NodeCalls& calls_;
  const Users& users_;
};

}  // namespace howdah::node
