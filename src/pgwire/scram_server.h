// SPDX-License-Identifier: Apache-2.0
// The server side of SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677, 5929), as PostgreSQL
// speaks it, for roles that may have several valid passwords at once.
//
// An unknown role (no verifiers) goes through the same exchange with the same work and fails at the
// end like a wrong password: its salt is derived from mock_secret, so it is the same each time.
// One object for one exchange, used by one coroutine; no I/O.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pgwire/scram.h"

namespace howdah::pgwire {

struct ScramServerConfig {
  // Of one role, valid now, the newest first. Its salt and iterations are announced, so later ones
  // with others cannot match and are passed over. Empty: unknown role, or one without a password.
  std::vector<ScramVerifier> verifiers;
  // Names the role for the mock salt and in the error text: "user_k3v9x2ab".
  std::string user;
  // 32 random bytes, the same at every gate and after restarts; else a salt that changes between
  // two attempts would tell that the role does not exist.
  std::string mock_secret;
  // Of the certificate the client sees (crypto::server_end_point_hash). Empty: no TLS or none
  // known; -PLUS is not offered then.
  std::string end_point_hash;
};

class ScramServer {
 public:
  explicit ScramServer(ScramServerConfig config);

  // For AuthenticationSASL, the stronger first.
  std::vector<std::string> mechanisms() const;
  // Client-first message -> server-first message. Errors: protocol_violation; unauthorized for a
  // downgrade (flag y although -PLUS was offered); unsupported (authorization identity, extension).
  Result<std::string> begin(std::string_view mechanism, std::string_view client_first);

  struct Accepted {
    std::string server_final;
    std::size_t verifier_index = 0;  // which of config.verifiers the client's password matched
  };
  // Client-final message -> the end. Errors: authentication_failed, the same for every role;
  // protocol_violation. Once only.
  Result<Accepted> finish(std::string_view client_final);

 private:
  friend struct ScramTestAccess;  // sets what is random

  struct Candidate {
    ScramVerifier verifier;
    std::size_t index;
    bool real;
  };

  Result<std::string_view> check_binding_flag(std::string_view message);
  std::string expected_binding() const;

  enum class State { start, challenged, done };

  std::string user_;
  std::string end_point_hash_;
  std::vector<Candidate> candidates_;
  State state_ = State::start;
  bool plus_ = false;
  char flag_ = 'n';
  std::string client_first_bare_;
  std::string server_first_;
  std::string server_nonce_;
  std::string nonce_;  // the client's and ours
};

}  // namespace howdah::pgwire
