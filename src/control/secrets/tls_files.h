// SPDX-License-Identifier: Apache-2.0
// The own certificate authority and the server certificate of this data folder, as files:
//   DIR/tls/ca.crt 0644, DIR/tls/server.crt 0644 (leaf, then CA), DIR/tls/server.key 0640 (the
//   gate reads it through its group), DIR/secrets/ca.key 0600.
// Only howdahd writes them; `howdah up` signals the gate to read them again.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "os/file.h"

namespace howdah::control {

class TlsFiles {
 public:
  // Makes what is missing. Blocks. Errors: io_error, config_invalid for a damaged or foreign file.
  static Result<TlsFiles> open(const os::Path& data_dir, const std::vector<std::string>& hosts,
                               Timestamp at);

  // Issues a new server certificate when the hosts are not all named, it ends within 30 days, or
  // its clock is ahead of ours. True: the files changed.
  Result<bool> renew(const std::vector<std::string>& hosts, Timestamp at);

  const std::string& ca_certificate_pem() const { return ca_certificate_; }
  const std::string& server_chain_pem() const { return server_chain_; }
  const std::string& server_key_pem() const { return server_key_; }
  os::Path ca_certificate_path() const { return tls_folder_ / "ca.crt"; }

 private:
  TlsFiles() = default;
  Result<void> load_authority(Timestamp at);
  Result<void> issue(const std::vector<std::string>& hosts, Timestamp at);

  os::Path tls_folder_;
  os::Path secrets_folder_;
  std::string ca_certificate_;
  std::string ca_key_;
  std::string server_chain_;
  std::string server_key_;
};

}  // namespace howdah::control
