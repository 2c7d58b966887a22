// SPDX-License-Identifier: Apache-2.0
// The key ring of this data folder (DIR/secrets/keyring.json, 0600) and sealing with it.
// Whoever has the catalog but not this file, or the recovery key, reads no secret.
#pragma once
#include <string>
#include <string_view>

#include "crypto/keyring.h"
#include "os/file.h"

namespace howdah::control {

class Vault {
 public:
  // Makes the ring where there is none, durably, before anything is sealed with it.
  // Errors: seal_broken for a damaged file; io_error.
  static Result<Vault> open(const os::Path& secrets_folder);

  std::string seal(std::string_view plaintext, const crypto::SealPlace& place) const {
    return ring_.seal(plaintext, place);
  }
  Result<std::string> unseal(std::string_view blob, const crypto::SealPlace& place) const {
    return ring_.open(blob, place);
  }

  bool created() const { return created_; }  // by this open()
  std::string recovery_key() const { return ring_.recovery_key(); }

 private:
  Vault(crypto::KeyRing ring, bool created) : ring_(std::move(ring)), created_(created) {}
  crypto::KeyRing ring_;
  bool created_;
};

}  // namespace howdah::control
