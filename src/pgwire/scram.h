// SPDX-License-Identifier: Apache-2.0
// SCRAM-SHA-256 values shared by both sides: the verifier that stands for a password, and its text
// form, which is PostgreSQL's own (pg_authid.rolpassword).
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace howdah::pgwire {

inline constexpr int kScramIterations = 4096;
inline constexpr int kScramIterationsMax = 1'000'000;
inline constexpr std::size_t kScramSaltBytes = 16;
inline constexpr std::size_t kScramSaltBytesMax = 64;
inline constexpr std::size_t kScramMessageBytesMax = 1024;  // as PostgreSQL limits it
inline constexpr std::string_view kScram = "SCRAM-SHA-256";
inline constexpr std::string_view kScramPlus = "SCRAM-SHA-256-PLUS";

// All members but iterations are raw bytes. It proves a password but does not reveal it; still it
// is a secret (server_key lets its holder play the server).
struct ScramVerifier {
  int iterations = kScramIterations;
  std::string salt;
  std::string stored_key;
  std::string server_key;
};

// salt empty: 16 random bytes. All passwords of one role that shall be valid at the same time must
// be made with the same salt and iterations, because the server names one salt before it sees which
// password the client has: pass those of the role's present verifier when making a second one.
// Passwords outside printable ASCII are used as their raw bytes, which is what PostgreSQL falls
// back to where SASLprep refuses a password; a client that normalises such a text to other bytes
// will not match. Cost: about 1 ms for 4096 iterations.
ScramVerifier make_verifier(std::string_view password, std::string salt = {},
                            int iterations = kScramIterations);
// "SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>", base64.
std::string format_verifier(const ScramVerifier& verifier);
// Errors: invalid_request. Iterations up to kScramIterationsMax, salts up to kScramSaltBytesMax.
Result<ScramVerifier> parse_verifier(std::string_view text);
// The password belongs to the verifier. Cost: as make_verifier.
bool matches_password(const ScramVerifier& verifier, std::string_view password);

}  // namespace howdah::pgwire
