// SPDX-License-Identifier: Apache-2.0
#include "crypto/detail/pem.h"

#include <openssl/pem.h>

namespace howdah::crypto::detail {
namespace {

constexpr std::size_t kPemSizeMax = 1 << 20;

int refuse_password(char*, int, int, void*) {
  return -1;
}

BioPtr reader_of(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.empty() ? "" : pem.data(), static_cast<int>(pem.size())));
  require(bio != nullptr, "read from memory");
  return bio;
}

std::string content_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  require(size > 0 && data != nullptr, "write PEM");
  return std::string(data, static_cast<std::size_t>(size));
}

BioPtr writer() {
  // Secure memory is not needed: the text leaves as a std::string anyway.
  BioPtr bio(BIO_new(BIO_s_mem()));
  require(bio != nullptr, "write to memory");
  return bio;
}

}  // namespace

Result<CertificatePtr> read_certificate_pem(std::string_view pem) {
  if (pem.size() <= kPemSizeMax) {
    const BioPtr bio = reader_of(pem);
    CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, refuse_password, nullptr));
    if (certificate) return certificate;
  }
  return fail(ErrorCode::config_invalid, "not a certificate in PEM form", {}, take_openssl_error());
}

Result<KeyPtr> read_key_pem(std::string_view pem) {
  if (pem.size() <= kPemSizeMax) {
    const BioPtr bio = reader_of(pem);
    KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, nullptr));
    if (key) return key;
  }
  return fail(ErrorCode::config_invalid, "not an unencrypted private key in PEM form", {},
              take_openssl_error());
}

std::string write_pem(X509* certificate) {
  const BioPtr bio = writer();
  require(PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
  return content_of(bio.get());
}

std::string write_pem(EVP_PKEY* key) {
  const BioPtr bio = writer();
  require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "write a private key");
  return content_of(bio.get());
}

}  // namespace howdah::crypto::detail
