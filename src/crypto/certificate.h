// SPDX-License-Identifier: Apache-2.0
// The own certificate authority and the server certificates it issues; EC P-256, PEM texts.
// Pure: the caller keeps the files and says what time it is. Thread-safe.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace howdah::crypto {

struct CertificateAndKey {
  std::string certificate_pem;
  std::string private_key_pem;  // PKCS#8, unencrypted
};

struct CertificateFacts {
  std::vector<std::string> hosts;  // subject alternative names: DNS names and IP addresses
  Timestamp not_before;
  Timestamp not_after;
  std::string subject;  // "CN=Howdah CA k3v9x2ab"
  std::string serial_hex;
  std::string sha256_fingerprint;  // hex, of the DER form
  bool is_ca = false;
};

// Valid for 10 years from one hour before `at` (clocks differ). It signs end certificates only.
Result<CertificateAndKey> make_certificate_authority(const std::string& common_name, Timestamp at);

// A server certificate for all hosts (1 to 100 DNS names, "*.example.org" included, and IPv4 or
// IPv6 addresses), valid for 397 days, the longest that clients accept everywhere.
// Errors: config_invalid naming the host that is neither a name nor an address, or a CA and key
// that do not belong together.
Result<CertificateAndKey> issue_server_certificate(const CertificateAndKey& authority,
                                                   const std::vector<std::string>& hosts,
                                                   Timestamp at);

// Of the first certificate in the text. Errors: config_invalid.
Result<CertificateFacts> read_certificate(std::string_view pem);
// Every host is named by the certificate; a wildcard stands for exactly one label.
bool covers_hosts(const CertificateFacts& facts, const std::vector<std::string>& hosts);
// The signature of `leaf_pem` was made by the key of `authority_pem`.
Result<bool> is_issued_by(std::string_view leaf_pem, std::string_view authority_pem);

// Channel binding data of type tls-server-end-point (RFC 5929 section 4.1): the certificate's DER
// form hashed by its signature's hash, SHA-256 in place of MD5 and SHA-1.
// Errors: config_invalid; unsupported for a signature without a hash (Ed25519): no -PLUS then.
Result<std::string> server_end_point_hash(std::string_view certificate_pem);

}  // namespace howdah::crypto
