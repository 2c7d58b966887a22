// SPDX-License-Identifier: Apache-2.0
// SCRAM between a client and the verifiers of its route. Nothing of it touches an instance, so a
// wrong password never wakes one.
//
// An unknown database, branch or role, a role without a password, and an expired password all go
// through the same exchange and get the same answer as a wrong password.
#pragma once
#include <string>

#include "base/clock.h"
#include "gate/handshake.h"
#include "gate/resolve.h"
#include "gate/wire.h"
#include "pgwire/scram_server.h"

namespace howdah::gate {

// mock_secret: 32 bytes, kept over restarts.
pgwire::ScramServerConfig make_scram_config(const Destination& to, const SessionRequest& request,
                                            const std::string& mock_secret, Timestamp at);

// Returns the server-final message, to be sent with AuthenticationOk.
// Errors: authentication_failed naming the user as it was sent; protocol_violation for anything
// that is no SCRAM (a second StartupMessage above all); unavailable, io_error.
Task<std::string> authenticate(Wire& wire, pgwire::ScramServerConfig config, std::string user);

}  // namespace howdah::gate
