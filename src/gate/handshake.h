// SPDX-License-Identifier: Apache-2.0
// The first moments of a client connection: TLS, then what the client asks for.
// Every byte is hostile; anything unexpected ends the connection.
#pragma once
#include <string>
#include <variant>

#include "gate/server_identity.h"
#include "gate/wire.h"

namespace howdah::gate {

struct SessionRequest {
  pgwire::ClientStartup startup;
  std::string server_name;     // SNI; empty: none
  std::string end_point_hash;  // of the certificate this client saw; empty: no TLS
};

using ClientRequest = std::variant<SessionRequest, pgwire::CancelRequest>;

// plaintext_allowed: serve clients without TLS (for measuring only).
// Errors: tls_required; protocol_violation, unauthorized, invalid_request, unsupported: to be told
// to the client; unavailable, io_error: there is nobody to tell.
Task<ClientRequest> meet_client(Wire& wire, ServerIdentityRef identity, bool plaintext_allowed);

}  // namespace howdah::gate
