// SPDX-License-Identifier: Apache-2.0
// PEM texts to OpenSSL objects and back.
#pragma once
#include <string>
#include <string_view>

#include "base/error.h"
#include "crypto/detail/openssl.h"

namespace howdah::crypto::detail {

// The first of its kind in the text. Errors: config_invalid. An encrypted key is refused: nobody is
// there to type its password.
Result<CertificatePtr> read_certificate_pem(std::string_view pem);
Result<KeyPtr> read_key_pem(std::string_view pem);
std::string write_pem(X509* certificate);
std::string write_pem(EVP_PKEY* key);

}  // namespace howdah::crypto::detail
