// SPDX-License-Identifier: Apache-2.0
#include "pgwire/scram.h"

#include <fmt/format.h>

#include <cassert>
#include <charconv>
#include <optional>

#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::pgwire {
namespace {

std::unexpected<Error> not_a_verifier(std::string_view why) {
  return fail(ErrorCode::invalid_request,
              fmt::format("this is not a SCRAM-SHA-256 verifier: {}", why));
}

// Cuts the text before `separator` off `rest`; empty: it is not there.
std::optional<std::string_view> take_until(std::string_view& rest, char separator) {
  const std::size_t place = rest.find(separator);
  if (place == std::string_view::npos) return std::nullopt;
  const std::string_view taken = rest.substr(0, place);
  rest.remove_prefix(place + 1);
  return taken;
}

}  // namespace

ScramVerifier make_verifier(std::string_view password, std::string salt, int iterations) {
  assert(iterations >= 1 && iterations <= kScramIterationsMax);
  assert(salt.size() <= kScramSaltBytesMax);
  ScramVerifier verifier;
  verifier.iterations = iterations;
  verifier.salt = salt.empty() ? crypto::random_bytes(kScramSaltBytes) : std::move(salt);
  std::string salted = crypto::pbkdf2_hmac_sha256(password, verifier.salt, iterations);
  std::string client_key = crypto::hmac_sha256(salted, "Client Key");
  verifier.stored_key = crypto::sha256(client_key);
  verifier.server_key = crypto::hmac_sha256(salted, "Server Key");
  crypto::wipe(salted);
  crypto::wipe(client_key);
  return verifier;
}

std::string format_verifier(const ScramVerifier& verifier) {
  return fmt::format("{}${}:{}${}:{}", kScram, verifier.iterations,
                     crypto::to_base64(verifier.salt), crypto::to_base64(verifier.stored_key),
                     crypto::to_base64(verifier.server_key));
}

Result<ScramVerifier> parse_verifier(std::string_view text) {
  const auto scheme = take_until(text, '$');
  if (scheme != kScram) return not_a_verifier("another scheme");
  const auto iterations = take_until(text, ':');
  const auto salt_text = take_until(text, '$');
  const auto stored_text = take_until(text, ':');
  if (!iterations || !salt_text || !stored_text) return not_a_verifier("a part is missing");

  ScramVerifier verifier;
  const char* end = iterations->data() + iterations->size();
  const auto number = std::from_chars(iterations->data(), end, verifier.iterations);
  if (number.ec != std::errc() || number.ptr != end || verifier.iterations < 1 ||
      verifier.iterations > kScramIterationsMax) {
    return not_a_verifier(fmt::format("iterations must be 1 to {}", kScramIterationsMax));
  }
  auto salt = crypto::from_base64(*salt_text);
  auto stored_key = crypto::from_base64(*stored_text);
  auto server_key = crypto::from_base64(text);
  if (!salt || salt->empty() || salt->size() > kScramSaltBytesMax) {
    return not_a_verifier(fmt::format("the salt must be 1 to {} bytes", kScramSaltBytesMax));
  }
  if (!stored_key || stored_key->size() != crypto::kSha256Size || !server_key ||
      server_key->size() != crypto::kSha256Size) {
    return not_a_verifier("its keys must be 32 bytes each");
  }
  verifier.salt = std::move(*salt);
  verifier.stored_key = std::move(*stored_key);
  verifier.server_key = std::move(*server_key);
  return verifier;
}

bool matches_password(const ScramVerifier& verifier, std::string_view password) {
  const ScramVerifier made = make_verifier(password, verifier.salt, verifier.iterations);
  return crypto::constant_time_equal(made.stored_key, verifier.stored_key) &&
         crypto::constant_time_equal(made.server_key, verifier.server_key);
}

}  // namespace howdah::pgwire
