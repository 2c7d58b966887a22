// SPDX-License-Identifier: Apache-2.0
#include "gate/authentication.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::gate {
namespace {

constexpr std::size_t kTypeAndMechanismBytes = 128;
constexpr std::size_t kPasswordMessageBytesMax =
    pgwire::kScramMessageBytesMax + kTypeAndMechanismBytes;

// Shows the salt of `verifier` but accepts no password.
pgwire::ScramVerifier doomed(pgwire::ScramVerifier verifier) {
  verifier.stored_key = crypto::random_bytes(crypto::kSha256Size);
  verifier.server_key = crypto::random_bytes(crypto::kSha256Size);
  return verifier;
}

std::vector<pgwire::ScramVerifier> verifiers_of(const RouteRole& role, Timestamp at) {
  std::vector<pgwire::ScramVerifier> valid, expired;
  for (const RouteVerifier& kept : role.verifiers) {
    auto verifier = pgwire::parse_verifier(kept.verifier);
    if (!verifier) {
      log::warn("authentication", "a verifier of role {} cannot be read: {}", role.name,
                verifier.error().to_log());
    } else if (kept.valid_until && *kept.valid_until <= at) {
      expired.push_back(doomed(std::move(*verifier)));
    } else {
      valid.push_back(std::move(*verifier));
    }
  }
  return valid.empty() ? expired : valid;
}

Task<std::string> read_password_message(Wire& wire) {
  HOWDAH_CO_TRY(Message message, co_await wire.read_message(kPasswordMessageBytesMax));
  if (message.type != 'p') {
    co_return fail(ErrorCode::protocol_violation, "expected a SASL response");
  }
  co_return std::move(message.body);
}

}  // namespace

pgwire::ScramServerConfig make_scram_config(const Destination& to, const SessionRequest& request,
                                            const std::string& mock_secret, Timestamp at) {
  pgwire::ScramServerConfig config;
  if (to.role != nullptr) {
    config.verifiers = verifiers_of(*to.role, at);
  } else if (to.decoy != nullptr) {
    config.verifiers = verifiers_of(*to.decoy, at);
    std::ranges::transform(config.verifiers, config.verifiers.begin(), doomed);
  }
  config.user = to.base_role;
  // Roles of the same name in two databases have different salts, so made-up ones have too.
  config.mock_secret = crypto::hmac_sha256(mock_secret, to.scope);
  config.end_point_hash = request.end_point_hash;
  return config;
}

Task<std::string> authenticate(Wire& wire, pgwire::ScramServerConfig config, std::string user) {
  pgwire::ScramServer scram(std::move(config));
  HOWDAH_CO_CHECK(co_await wire.write(pgwire::build_authentication_sasl(scram.mechanisms())));
  HOWDAH_CO_TRY(const std::string first_body, co_await read_password_message(wire));
  HOWDAH_CO_TRY(const auto first, pgwire::parse_sasl_initial_response(first_body));
  HOWDAH_CO_TRY(const std::string challenge, scram.begin(first.mechanism, first.data));
  HOWDAH_CO_CHECK(co_await wire.write(pgwire::build_authentication_sasl_continue(challenge)));
  HOWDAH_CO_TRY(const std::string final_body, co_await read_password_message(wire));
  auto accepted = scram.finish(final_body);
  if (!accepted && accepted.error().code == ErrorCode::authentication_failed) {
    co_return fail(ErrorCode::authentication_failed,
                   fmt::format("password authentication failed for user \"{}\"", user));
  }
  if (!accepted) co_return std::unexpected(std::move(accepted).error());
  co_return std::move(accepted->server_final);
}

}  // namespace howdah::gate
