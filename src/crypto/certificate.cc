// SPDX-License-Identifier: Apache-2.0
#include "crypto/certificate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/detail/openssl.h"
#include "crypto/detail/pem.h"
#include "crypto/encode.h"

namespace howdah::crypto {
namespace {

using detail::require;

constexpr std::chrono::hours kClockSkew{1};
constexpr std::chrono::days kAuthorityLifetime{3650};
constexpr std::chrono::days kServerLifetime{397};
constexpr std::size_t kHostsMax = 100;
constexpr std::size_t kCommonNameSizeMax = 64;  // X.520's upper bound

std::unexpected<Error> refuse(std::string message, std::string hint = {}) {
  return fail(ErrorCode::config_invalid, std::move(message), std::move(hint));
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

// 4 or 16 bytes in network order; empty: not an address.
std::optional<std::string> address_bytes(const std::string& text) {
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return std::string(bytes.data(), 4);
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return std::string(bytes.data(), 16);
  return std::nullopt;
}

std::string address_text(std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, bytes.data(), text.data(), text.size());
  return text.data();
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

// Lower case. A last label of digits only would be a mistyped address.
bool is_dns_name(std::string_view name) {
  if (name.size() > 253) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  for (;;) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) {
      return label.find_first_not_of("0123456789") != std::string_view::npos;
    }
    name.remove_prefix(dot + 1);
  }
}

detail::KeyPtr make_key() {
  detail::KeyPtr key(EVP_EC_gen("P-256"));
  require(key != nullptr, "make an EC key");
  return key;
}

void set_serial(X509* certificate) {
  // 159 random bits: positive in 20 bytes, and never the same twice.
  detail::BigNumberPtr serial(BN_new());
  require(serial != nullptr && BN_rand(serial.get(), 159, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
              BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr,
          "make a serial number");
}

void set_common_name(X509_NAME* name, const std::string& common_name) {
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, detail::bytes_of(common_name),
                                     static_cast<int>(common_name.size()), -1, 0) == 1,
          "set a common name");
}

// value: OpenSSL's configuration syntax, so constants only.
void add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  detail::ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1,
          "add an extension");
}

GENERAL_NAME* make_general_name(const std::string& host) {
  const auto address = address_bytes(host);
  const std::string& content = address ? *address : host;
  ASN1_STRING* text = ASN1_STRING_type_new(address ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
  GENERAL_NAME* name = GENERAL_NAME_new();
  require(text != nullptr && name != nullptr &&
              ASN1_STRING_set(text, content.data(), static_cast<int>(content.size())) == 1,
          "make an alternative name");
  GENERAL_NAME_set0_value(name, address ? GEN_IPADD : GEN_DNS, text);
  return name;
}

void add_hosts(X509* certificate, const std::vector<std::string>& hosts) {
  detail::GeneralNamesPtr names(sk_GENERAL_NAME_new_null());
  require(names != nullptr, "make alternative names");
  for (const std::string& host : hosts) {
    require(sk_GENERAL_NAME_push(names.get(), make_general_name(host)) > 0, "add a host");
  }
  require(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1,
          "add alternative names");
}

detail::CertificatePtr make_blank(EVP_PKEY* key, Timestamp at, std::chrono::days lifetime) {
  detail::CertificatePtr certificate(X509_new());
  require(certificate != nullptr && X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
              X509_set_pubkey(certificate.get(), key) == 1,
          "make a certificate");
  set_serial(certificate.get());
  const auto begin = std::chrono::floor<std::chrono::seconds>(at) - kClockSkew;
  // Both ends belong to the validity (RFC 5280), hence one second less.
  const auto end = begin + lifetime - std::chrono::seconds(1);
  require(ASN1_TIME_set(X509_getm_notBefore(certificate.get()), begin.time_since_epoch().count()) &&
              ASN1_TIME_set(X509_getm_notAfter(certificate.get()), end.time_since_epoch().count()),
          "set a validity");
  return certificate;
}

CertificateAndKey to_pem(X509* certificate, EVP_PKEY* key) {
  return {detail::write_pem(certificate), detail::write_pem(key)};
}

Result<std::vector<std::string>> normalise_hosts(const std::vector<std::string>& hosts) {
  if (hosts.empty() || hosts.size() > kHostsMax) {
    return refuse(
        fmt::format("a certificate needs 1 to {} hosts, not {}", kHostsMax, hosts.size()));
  }
  std::vector<std::string> result;
  for (const std::string& host : hosts) {
    std::string name = lower(host);
    if (!address_bytes(name) && !is_dns_name(name)) {
      return refuse(fmt::format("\"{}\" is neither a host name nor an IP address", host));
    }
    if (std::ranges::find(result, name) == result.end()) result.push_back(std::move(name));
  }
  return result;
}

}  // namespace

Result<CertificateAndKey> make_certificate_authority(const std::string& common_name, Timestamp at) {
  if (common_name.empty() || common_name.size() > kCommonNameSizeMax) {
    return refuse("the name of a certificate authority has 1 to 64 bytes");
  }
  const detail::KeyPtr key = make_key();
  const detail::CertificatePtr certificate = make_blank(key.get(), at, kAuthorityLifetime);
  X509* x509 = certificate.get();
  set_common_name(X509_get_subject_name(x509), common_name);
  require(X509_set_issuer_name(x509, X509_get_subject_name(x509)) == 1, "set an issuer");
  add_extension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(x509, x509, NID_subject_key_identifier, "hash");
  require(X509_sign(x509, key.get(), EVP_sha256()) > 0, "sign a certificate");
  return to_pem(x509, key.get());
}

Result<CertificateAndKey> issue_server_certificate(const CertificateAndKey& authority,
                                                   const std::vector<std::string>& hosts,
                                                   Timestamp at) {
  HOWDAH_TRY(const auto names, normalise_hosts(hosts));
  HOWDAH_TRY(const auto issuer, detail::read_certificate_pem(authority.certificate_pem));
  HOWDAH_TRY(const auto issuer_key, detail::read_key_pem(authority.private_key_pem));
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    ERR_clear_error();
    return refuse("the certificate authority's key does not belong to its certificate");
  }
  const detail::KeyPtr key = make_key();
  const detail::CertificatePtr certificate = make_blank(key.get(), at, kServerLifetime);
  X509* x509 = certificate.get();
  // Clients look at the alternative names only; the common name is for people.
  const bool fits = names.front().size() <= kCommonNameSizeMax;
  set_common_name(X509_get_subject_name(x509), fits ? names.front() : "howdah");
  require(X509_set_issuer_name(x509, X509_get_subject_name(issuer.get())) == 1, "set an issuer");
  add_extension(x509, issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(x509, issuer.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(x509, issuer.get(), NID_ext_key_usage, "serverAuth");
  add_extension(x509, issuer.get(), NID_subject_key_identifier, "hash");
  add_extension(x509, issuer.get(), NID_authority_key_identifier, "keyid");
  add_hosts(x509, names);
  require(X509_sign(x509, issuer_key.get(), EVP_sha256()) > 0, "sign a certificate");
  return to_pem(x509, key.get());
}

bool covers_hosts(const CertificateFacts& facts, const std::vector<std::string>& hosts) {
  return std::ranges::all_of(hosts, [&](const std::string& host) {
    std::string name = lower(host);
    const auto address = address_bytes(name);
    if (address) name = address_text(*address);
    const std::size_t dot = name.find('.');
    const bool may_be_wild = !address && dot != std::string::npos && dot > 0;
    const std::string wild = may_be_wild ? "*" + name.substr(dot) : name;
    return std::ranges::any_of(facts.hosts, [&](const std::string& covered) {
      return lower(covered) == name || lower(covered) == wild;
    });
  });
}

}  // namespace howdah::crypto
