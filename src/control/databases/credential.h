// SPDX-License-Identifier: Apache-2.0
// A password on its way into the catalog: sealed for us, as a verifier for gates and servers.
#pragma once
#include <boost/json.hpp>
#include <string>

#include "control/secrets/vault.h"

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
// Cost: about 1 ms of CPU.
NewCredential make_credential(const Vault& vault, std::int64_t generation);

// Errors: seal_broken.
Result<std::string> unseal_password(const Vault& vault, const Credential& credential);

// For a job's payload, which holds no secret in clear: the verifier is sealed as well.
boost::json::object to_payload(const Vault& vault, const Credential& credential);
Result<Credential> credential_from_payload(const Vault& vault, const boost::json::object& payload);

}  // namespace howdah::control
