// SPDX-License-Identifier: Apache-2.0
// Reading certificates, our own and those a person brings.
#include <arpa/inet.h>

#include <array>
#include <ctime>

#include "crypto/certificate.h"
#include "crypto/detail/openssl.h"
#include "crypto/detail/pem.h"
#include "crypto/encode.h"

namespace howdah::crypto {
namespace {

using detail::require;

Timestamp to_timestamp(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return Timestamp(std::chrono::seconds(timegm(&parts)));
}

std::string text_of(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<std::size_t>(ASN1_STRING_length(text)));
}

std::vector<std::string> hosts_of(X509* certificate) {
  std::vector<std::string> hosts;
  detail::GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
    const std::string content =
        type == GEN_DNS || type == GEN_IPADD ? text_of(value) : std::string();
    if (type == GEN_DNS) hosts.push_back(content);
    if (type == GEN_IPADD && (content.size() == 4 || content.size() == 16)) {
      std::array<char, INET6_ADDRSTRLEN> text{};
      inet_ntop(content.size() == 4 ? AF_INET : AF_INET6, content.data(), text.data(), text.size());
      hosts.emplace_back(text.data());
    }
  }
  return hosts;
}

std::string subject_of(X509* certificate) {
  detail::BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr && X509_NAME_print_ex(bio.get(), X509_get_subject_name(certificate), 0,
                                               XN_FLAG_RFC2253) >= 0,
          "print a name");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string digest_of(X509* certificate, const EVP_MD* hash) {
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  require(X509_digest(certificate, hash, detail::bytes_of(digest), &size) == 1,
          "hash a certificate");
  digest.resize(size);
  return digest;
}

}  // namespace

Result<CertificateFacts> read_certificate(std::string_view pem) {
  HOWDAH_TRY(const auto certificate, detail::read_certificate_pem(pem));
  CertificateFacts facts;
  facts.hosts = hosts_of(certificate.get());
  facts.not_before = to_timestamp(X509_get0_notBefore(certificate.get()));
  facts.not_after = to_timestamp(X509_get0_notAfter(certificate.get()));
  facts.subject = subject_of(certificate.get());
  facts.serial_hex = to_hex(text_of(X509_get0_serialNumber(certificate.get())));
  facts.sha256_fingerprint = to_hex(digest_of(certificate.get(), EVP_sha256()));
  facts.is_ca = X509_check_ca(certificate.get()) == 1;
  ERR_clear_error();
  return facts;
}

Result<bool> is_issued_by(std::string_view leaf_pem, std::string_view authority_pem) {
  HOWDAH_TRY(const auto leaf, detail::read_certificate_pem(leaf_pem));
  HOWDAH_TRY(const auto authority, detail::read_certificate_pem(authority_pem));
  EVP_PKEY* key = X509_get0_pubkey(authority.get());
  const bool issued = X509_check_issued(authority.get(), leaf.get()) == X509_V_OK &&
                      key != nullptr && X509_verify(leaf.get(), key) == 1;
  ERR_clear_error();
  return issued;
}

Result<std::string> server_end_point_hash(std::string_view certificate_pem) {
  HOWDAH_TRY(const auto certificate, detail::read_certificate_pem(certificate_pem));
  int hash_nid = NID_undef;
  // Unlike the signature's own id this also tells the hash of RSA-PSS.
  if (X509_get_signature_info(certificate.get(), &hash_nid, nullptr, nullptr, nullptr) != 1) {
    ERR_clear_error();
    hash_nid = NID_undef;
  }
  if (hash_nid == NID_md5 || hash_nid == NID_sha1) hash_nid = NID_sha256;
  const EVP_MD* hash = hash_nid == NID_undef ? nullptr : EVP_get_digestbynid(hash_nid);
  if (hash == nullptr) {
    return fail(ErrorCode::unsupported,
                "the certificate's signature has no hash of its own: no channel binding");
  }
  return digest_of(certificate.get(), hash);
}

}  // namespace howdah::crypto
