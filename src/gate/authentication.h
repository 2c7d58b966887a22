// SPDX-License-Identifier: Apache-2.0
// SCRAM between a client and the verifiers of its route. Nothing of it touches an instance, so a
// wrong password never wakes one.
//
// An unknown database, branch or role, a role that may not log in or has no password, and an
// expired password all go through the same exchange and get the same answer as a wrong password.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "gate/handshake.h"
#include "gate/resolve.h"
#include "gate/wire.h"
#include "pgwire/scram_server.h"

namespace howdah::gate {

// What a client's proof is checked against.
struct Challenge {
  pgwire::ScramServerConfig scram;
  std::vector<std::int64_t> generations;  // of scram.verifiers, in their order
};
// mock_secret: 32 bytes, kept over restarts.
Challenge make_challenge(const Destination& to, const SessionRequest& request,
                         const std::string& mock_secret, Timestamp at);

struct Proven {
  std::string server_final;     // to be sent with AuthenticationOk
  std::int64_t generation = 0;  // of the password; 0: one that howdahd does not know yet
};
// Errors: authentication_failed naming the user as it was sent; protocol_violation for anything
// that is no SCRAM (a second StartupMessage above all); unavailable, io_error.
Task<Proven> authenticate(Wire& wire, Challenge challenge, std::string user);

}  // namespace howdah::gate
