// SPDX-License-Identifier: Apache-2.0
#include "gate/server_identity.h"

#include <utility>

#include "crypto/certificate.h"
#include "crypto/hash.h"

namespace howdah::gate {

Result<ServerIdentityRef> load_server_identity(const os::Path& directory) {
  constexpr ByteCount kSizeMax = 1_MiB;
  HOWDAH_TRY(const std::string chain, os::read_file(directory / "server.crt", kSizeMax));
  HOWDAH_TRY(std::string key, os::read_file(directory / "server.key", kSizeMax));
  auto context = net::make_tls_server_context(chain, key);
  crypto::wipe(key);
  if (!context) return std::unexpected(std::move(context).error());
  auto hash = crypto::server_end_point_hash(chain);
  if (!hash && hash.error().code != ErrorCode::unsupported) {
    return std::unexpected(std::move(hash).error());
  }
  return std::make_shared<const ServerIdentity>(
      ServerIdentity{std::move(*context), std::move(hash).value_or("")});
}

}  // namespace howdah::gate
