// SPDX-License-Identifier: Apache-2.0
#include "control/secrets/tls_files.h"

#include "base/log.h"
#include "crypto/certificate.h"
#include "crypto/random.h"
#include "net/tls.h"

namespace howdah::control {
namespace {

constexpr auto kRenewBefore = std::chrono::days(30);
constexpr ByteCount kFileSizeMax = 1_MiB;

// Empty: there is no such file.
Result<std::string> read_if_there(const os::Path& path) {
  auto text = os::read_file(path, kFileSizeMax);
  if (!text && text.error().code == ErrorCode::not_found) return std::string();
  return text;
}

}  // namespace

Result<TlsFiles> TlsFiles::open(const os::Path& data_dir, const std::vector<std::string>& hosts,
                                Timestamp at) {
  TlsFiles files;
  files.tls_folder_ = data_dir / "tls";
  files.secrets_folder_ = data_dir / "secrets";
  HOWDAH_CHECK(files.load_authority(at));
  HOWDAH_TRY(files.server_chain_, read_if_there(files.tls_folder_ / "server.crt"));
  HOWDAH_TRY(files.server_key_, read_if_there(files.tls_folder_ / "server.key"));
  HOWDAH_CHECK(files.renew(hosts, at));
  return files;
}

// The key is written first: a crash between the two files leaves a key without a certificate, which
// nobody has trusted yet, so both are made anew.
Result<void> TlsFiles::load_authority(Timestamp at) {
  const os::Path key_path = secrets_folder_ / "ca.key";
  HOWDAH_TRY(ca_certificate_, read_if_there(ca_certificate_path()));
  HOWDAH_TRY(ca_key_, read_if_there(key_path));
  if (!ca_certificate_.empty()) {
    if (!ca_key_.empty()) return {};
    return fail(ErrorCode::config_invalid,
                "the key of the certificate authority is missing: " + key_path.string(),
                "put it back, or delete " + ca_certificate_path().string() +
                    " to make a new authority that every client has to trust anew");
  }
  const std::string name =
      "Howdah CA " + crypto::random_text("abcdefghijklmnopqrstuvwxyz0123456789", 8);
  HOWDAH_TRY(crypto::CertificateAndKey made, crypto::make_certificate_authority(name, at));
  HOWDAH_CHECK(os::write_file_atomic(key_path, made.private_key_pem, 0600));
  HOWDAH_CHECK(os::write_file_atomic(ca_certificate_path(), made.certificate_pem, 0644));
  ca_certificate_ = std::move(made.certificate_pem);
  ca_key_ = std::move(made.private_key_pem);
  return {};
}

Result<bool> TlsFiles::renew(const std::vector<std::string>& hosts, Timestamp at) {
  const auto facts = crypto::read_certificate(server_chain_);
  if (facts && facts->not_before <= at && facts->not_after - at > kRenewBefore &&
      crypto::covers_hosts(*facts, hosts)) {
    const auto ours = crypto::is_issued_by(server_chain_, ca_certificate_);
    // Also tells whether the two files belong together: a crash may have come between them.
    if (ours && *ours && net::make_tls_server_context(server_chain_, server_key_)) return false;
  }
  HOWDAH_CHECK(issue(hosts, at));
  return true;
}

Result<void> TlsFiles::issue(const std::vector<std::string>& hosts, Timestamp at) {
  HOWDAH_TRY(crypto::CertificateAndKey made,
             crypto::issue_server_certificate({ca_certificate_, ca_key_}, hosts, at));
  const std::string chain = made.certificate_pem + ca_certificate_;
  HOWDAH_CHECK(os::write_file_atomic(tls_folder_ / "server.key", made.private_key_pem, 0640));
  HOWDAH_CHECK(os::write_file_atomic(tls_folder_ / "server.crt", chain, 0644));
  server_key_ = std::move(made.private_key_pem);
  server_chain_ = chain;
  log::info("tls", "issued a server certificate for {} names", hosts.size());
  return {};
}

}  // namespace howdah::control
