// SPDX-License-Identifier: Apache-2.0
// The key ring of this data folder (DIR/secrets/keyring.json, 0600) and sealing with it.
// Whoever has the catalog but not this file, or the recovery key, reads no secret.
// Thread-safe. A change of the ring is durable in its file before anything is sealed with it, so a
// process that dies at any moment leaves no value behind that the file cannot open.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/keyring.h"
#include "os/file.h"

namespace howdah::control {

class Vault {
 public:
  // Makes the ring where there is none, durably, before anything is sealed with it.
  // Errors: seal_broken for a damaged file; io_error.
  static Result<Vault> open(const os::Path& secrets_folder);

  std::string seal(std::string_view plaintext, const crypto::SealPlace& place) const {
    return ring()->seal(plaintext, place);
  }
  Result<std::string> unseal(std::string_view blob, const crypto::SealPlace& place) const {
    return ring()->open(blob, place);
  }

  bool created() const { return created_; }  // by this open()
  std::string recovery_key() const { return ring()->recovery_key(); }
  std::string current_id() const { return ring()->current_id(); }
  std::vector<crypto::KeyFacts> keys() const { return ring()->keys(); }

  // These write the file and wait for the disk. Errors: io_error and those of the ring; nothing is
  // changed then.

  // A fresh key that seals from now on; its id. Where a key of this label is in the ring already,
  // it does nothing but name that one: so a step that was cut off makes no second key.
  // Errors: limit_reached.
  Result<std::string> add_key(const std::string& label, Timestamp at);
  Result<void> retire_keys(const std::vector<std::string>& ids, Timestamp at);
  Result<void> remove_keys(const std::vector<std::string>& ids);

 private:
  struct State;

  Vault(os::Path path, crypto::KeyRing ring, bool created);
  std::shared_ptr<const crypto::KeyRing> ring() const;
  Result<void> change(const std::function<Result<void>(crypto::KeyRing&)>& body);

  std::shared_ptr<State> state_;
  bool created_;
};

}  // namespace howdah::control
