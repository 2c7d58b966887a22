// SPDX-License-Identifier: Apache-2.0
// Opens a server connection: logs in to an instance on its private socket as a role, by peer
// authentication of the gate's own user. The instance is hostile too: it may send anything.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "gate/wire.h"

namespace howdah::gate {

struct LoginRequest {
  std::string socket_path;
  std::string role;
  std::string database;
  std::vector<pgwire::Parameter> parameters;
};

struct BackendSession {
  Wire wire;
  std::string
      greeting;  // ParameterStatus, notices: everything between AuthenticationOk and the end
  pgwire::BackendKey key;
  std::string ready;  // ReadyForQuery
};

// It does not take connections now, but may in a moment: starting, stopping, or gone while we
// asked. message: its own ErrorResponse, where it sent one.
struct NotReady {
  std::string message;
};
// It said no for good: unknown logical database, too many clients, ... message: its ErrorResponse,
// whole and well-formed.
struct LoginRefused {
  std::string sqlstate;
  std::string message;
};

using LoginOutcome = std::variant<BackendSession, NotReady, LoginRefused>;

// Errors: instance_failed when it breaks the protocol or asks for a password; cancelled.
Task<LoginOutcome> log_in(asio::any_io_executor executor, LoginRequest request);

}  // namespace howdah::gate
