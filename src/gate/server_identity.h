// SPDX-License-Identifier: Apache-2.0
// The certificate clients see, read from DIR/tls. Reloading makes a new one; connections in
// handshake keep theirs, so the channel binding they check belongs to what they saw.
#pragma once
#include <memory>
#include <string>

#include "base/error.h"
#include "net/tls.h"
#include "os/file.h"

namespace howdah::gate {

struct ServerIdentity {
  net::TlsContext tls;
  std::string end_point_hash;  // empty: the certificate allows no channel binding
};
using ServerIdentityRef = std::shared_ptr<const ServerIdentity>;

// directory: holds server.crt (the chain, leaf first) and server.key.
// Errors: not_found, io_error, config_invalid.
Result<ServerIdentityRef> load_server_identity(const os::Path& directory);

}  // namespace howdah::gate
