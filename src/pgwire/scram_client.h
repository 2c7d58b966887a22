// SPDX-License-Identifier: Apache-2.0
// The client side of SCRAM-SHA-256 and -PLUS, for tests, fuzzing and measuring; the platform's own
// connections use libpq or peer authentication. The server is not trusted either: nonces and
// iteration counts are checked, and success counts only after verify().
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "pgwire/scram.h"

namespace howdah::pgwire {

class ScramClient {
 public:
  // flag: 'n' no channel binding, 'y' supported but not offered by the server, 'p' in use (then
  // end_point_hash is that of the server's certificate).
  explicit ScramClient(std::string password, char flag = 'n', std::string end_point_hash = {});

  std::string_view mechanism() const { return flag_ == 'p' ? kScramPlus : kScram; }
  std::string first();
  // Server-first -> client-final. Errors: protocol_violation.
  // Cost: the server's iteration count, at most kScramIterationsMax.
  Result<std::string> respond(std::string_view server_first);
  // Server-final. Errors: protocol_violation, authentication_failed.
  Result<void> verify(std::string_view server_final) const;

 private:
  friend struct ScramTestAccess;  // sets what is random

  std::string header() const;  // GS2 header: "n,," and so on

  std::string password_;
  char flag_;
  std::string end_point_hash_;
  std::string nonce_;
  std::string first_bare_;
  std::string server_signature_;
};

}  // namespace howdah::pgwire
