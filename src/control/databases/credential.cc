// SPDX-License-Identifier: Apache-2.0
#include "control/databases/credential.h"

#include "crypto/random.h"

namespace howdah::control {
namespace {

crypto::SealPlace place(const Credential& credential, std::string column) {
  return {"credentials", credential.id, std::move(column), credential.generation};
}

std::string text_of(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace

NewCredential make_credential(const Vault& vault, std::int64_t generation,
                              const std::optional<pgwire::ScramVerifier>& beside) {
  NewCredential made;
  made.password = crypto::make_password();
  made.kept.id = crypto::make_uuid();
  made.kept.generation = generation;
  made.kept.verifier = pgwire::format_verifier(
      beside ? pgwire::make_verifier(made.password, beside->salt, beside->iterations)
             : pgwire::make_verifier(made.password));
  made.kept.sealed_password = vault.seal(made.password, place(made.kept, "sealed_password"));
  return made;
}

Result<std::string> unseal_password(const Vault& vault, const Credential& credential) {
  return vault.unseal(credential.sealed_password, place(credential, "sealed_password"));
}

boost::json::object to_payload(const Vault& vault, const Credential& credential) {
  return {{"id", credential.id},
          {"generation", credential.generation},
          {"sealed_verifier", vault.seal(credential.verifier, place(credential, "verifier"))},
          {"sealed_password", credential.sealed_password}};
}

Result<Credential> credential_from_payload(const Vault& vault, const boost::json::object& payload) {
  Credential credential;
  credential.id = text_of(payload, "id");
  credential.sealed_password = text_of(payload, "sealed_password");
  const boost::json::value* generation = payload.if_contains("generation");
  if (credential.id.empty() || generation == nullptr || !generation->is_int64()) {
    return fail(ErrorCode::internal, "a job's payload has no credential");
  }
  credential.generation = generation->get_int64();
  HOWDAH_TRY(credential.verifier,
             vault.unseal(text_of(payload, "sealed_verifier"), place(credential, "verifier")));
  return credential;
}

}  // namespace howdah::control
