// SPDX-License-Identifier: Apache-2.0
#include "pgwire/scram_client.h"

#include <fmt/format.h>

#include <charconv>

#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "pgwire/detail/scram_text.h"

namespace howdah::pgwire {
namespace {

std::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorCode::protocol_violation,
              fmt::format("malformed SCRAM message of the server: {}", why));
}

}  // namespace

ScramClient::ScramClient(std::string password, char flag, std::string end_point_hash)
    : password_(std::move(password)),
      flag_(flag),
      end_point_hash_(std::move(end_point_hash)),
      nonce_(crypto::to_base64(crypto::random_bytes(18))) {}

std::string ScramClient::header() const {
  return flag_ == 'p' ? "p=tls-server-end-point,," : std::string(1, flag_) + ",,";
}

std::string ScramClient::first() {
  // PostgreSQL takes the role from the StartupMessage; libpq leaves the name empty too.
  first_bare_ = "n=,r=" + nonce_;
  return header() + first_bare_;
}

Result<std::string> ScramClient::respond(std::string_view server_first) {
  HOWDAH_CHECK(detail::check_message(server_first));
  detail::AttributeReader in(server_first);
  const auto nonce = in.take('r');
  const auto salt_text = in.take('s');
  const auto iterations_text = in.take('i');
  if (!nonce || !salt_text || !iterations_text || !in.skip_extensions()) {
    return malformed("nonce, salt and iterations expected");
  }
  if (!nonce->starts_with(nonce_) || nonce->size() == nonce_.size() || !detail::is_nonce(*nonce)) {
    return malformed("its nonce does not extend ours");
  }
  const auto salt = crypto::from_base64(*salt_text);
  int iterations = 0;
  const char* end = iterations_text->data() + iterations_text->size();
  const auto number = std::from_chars(iterations_text->data(), end, iterations);
  if (!salt || salt->empty() || salt->size() > kScramSaltBytesMax || number.ec != std::errc() ||
      number.ptr != end || iterations < 1 || iterations > kScramIterationsMax) {
    return malformed("salt or iterations out of range");
  }
  std::string salted = crypto::pbkdf2_hmac_sha256(password_, *salt, iterations);
  std::string client_key = crypto::hmac_sha256(salted, "Client Key");
  const std::string binding = header() + (flag_ == 'p' ? end_point_hash_ : "");
  const std::string without_proof = fmt::format("c={},r={}", crypto::to_base64(binding), *nonce);
  const std::string auth_message =
      fmt::format("{},{},{}", first_bare_, server_first, without_proof);
  const std::string signature = crypto::hmac_sha256(crypto::sha256(client_key), auth_message);
  server_signature_ = crypto::hmac_sha256(crypto::hmac_sha256(salted, "Server Key"), auth_message);
  for (std::size_t i = 0; i < client_key.size(); ++i) {
    client_key[i] = static_cast<char>(client_key[i] ^ signature[i]);
  }
  crypto::wipe(salted);
  return fmt::format("{},p={}", without_proof, crypto::to_base64(client_key));
}

Result<void> ScramClient::verify(std::string_view server_final) const {
  HOWDAH_CHECK(detail::check_message(server_final));
  detail::AttributeReader in(server_final);
  const auto text = in.take('v');
  const auto signature = text ? crypto::from_base64(*text) : std::nullopt;
  if (!signature || !in.skip_extensions()) return malformed("no signature");
  if (server_signature_.empty() || !crypto::constant_time_equal(*signature, server_signature_)) {
    return fail(ErrorCode::authentication_failed, "the server does not know the password");
  }
  return {};
}

}  // namespace howdah::pgwire
