// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/vault.h"

#include <filesystem>

#include "crypto/hash.h"

namespace howdah::control {

Result<Vault> Vault::open(const os::Path& secrets_folder) {
  const os::Path path = secrets_folder / "keyring.json";
  auto text = os::read_file(path, 1_MiB);
  if (text) {
    auto ring = crypto::KeyRing::from_json(*text);
    crypto::wipe(*text);
    if (!ring) {
      Error error = std::move(ring).error().within("read " + path.string());
      error.hint = "put back a copy of it, or restore it from the recovery key";
      return std::unexpected(std::move(error));
    }
    return Vault(std::move(*ring), false);
  }
  if (text.error().code != ErrorCode::not_found) return std::unexpected(std::move(text).error());
  crypto::KeyRing ring = crypto::KeyRing::create();
  std::string content = ring.to_json();
  const auto written = os::write_file_atomic(path, content, 0600);
  crypto::wipe(content);
  if (!written) return std::unexpected(Error(written.error()).within("make the key ring"));
  return Vault(std::move(ring), true);
}

}  // namespace howdah::control
