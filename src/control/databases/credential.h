// SPDX-License-Identifier: Apache-2.0
// A password on its way into the catalog: sealed for us, as a verifier for gates and servers.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>

#include "control/secrets/vault.h"
#include "pgwire/scram.h"

namespace howdah::control {

// What the catalog keeps of a password. generation 1, 2, ... of one role.
struct Credential {
  std::string id;  // UUID
  std::int64_t generation = 1;
  std::string verifier;
  std::string sealed_password;
};

struct NewCredential {
  Credential kept;
  std::string password;  // for the one answer that shows it
};
// beside: a password that is valid at the same time, whose salt and iterations it must share;
// empty: none. Cost: about 1 ms of CPU for 4,096 iterations; up to 0.3 s for those that a user has
// chosen.
NewCredential make_credential(const Vault& vault, std::int64_t generation,
                              const std::optional<pgwire::ScramVerifier>& beside = {});

// Errors: seal_broken.
Result<std::string> unseal_password(const Vault& vault, const Credential& credential);

// For a job's payload, which holds no secret in clear: the verifier is sealed as well.
boost::json::object to_payload(const Vault& vault, const Credential& credential);
Result<Credential> credential_from_payload(const Vault& vault, const boost::json::object& payload);

}  // namespace howdah::control
