// SPDX-License-Identifier: Apache-2.0
#include "crypto/hash.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <cassert>

#include "crypto/detail/openssl.h"

namespace howdah::crypto {

using detail::bytes_of;
using detail::require;

std::string sha256(std::string_view data) {
  std::string digest(kSha256Size, '\0');
  unsigned size = 0;
  require(EVP_Digest(data.data(), data.size(), bytes_of(digest), &size, EVP_sha256(), nullptr) == 1,
          "hash");
  return digest;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  assert(key.size() < (1U << 30));
  std::string digest(kSha256Size, '\0');
  unsigned size = 0;
  // OpenSSL takes a null key for "the key of the last call".
  const char* key_bytes = key.empty() ? "" : key.data();
  require(HMAC(EVP_sha256(), key_bytes, static_cast<int>(key.size()), bytes_of(data), data.size(),
               bytes_of(digest), &size) != nullptr,
          "compute an HMAC");
  return digest;
}

std::string pbkdf2_hmac_sha256(std::string_view password, std::string_view salt, int iterations) {
  assert(iterations >= 1 && password.size() < (1U << 30) && salt.size() < (1U << 30));
  std::string key(kSha256Size, '\0');
  const char* password_bytes = password.empty() ? "" : password.data();
  require(PKCS5_PBKDF2_HMAC(password_bytes, static_cast<int>(password.size()), bytes_of(salt),
                            static_cast<int>(salt.size()), iterations, EVP_sha256(),
                            static_cast<int>(key.size()), bytes_of(key)) == 1,
          "derive a key");
  return key;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace howdah::crypto
