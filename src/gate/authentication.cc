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

bool is_over(const std::optional<Timestamp>& end, Timestamp at) {
  return end && *end <= at;
}

// The passwords of a role that are valid; where none is, those that were, to no avail.
Challenge challenge_of(const RouteRole& role, Timestamp at) {
  Challenge valid, doomed_ones;
  const bool locked = !role.can_login || is_over(role.valid_until, at);
  for (const RouteVerifier& kept : role.verifiers) {
    auto verifier = pgwire::parse_verifier(kept.verifier);
    if (!verifier) {
      log::warn("authentication", "a verifier of role {} cannot be read: {}", role.name,
                verifier.error().to_log());
      continue;
    }
    const bool over = locked || is_over(kept.valid_until, at);
    Challenge& list = over ? doomed_ones : valid;
    list.scram.verifiers.push_back(over ? doomed(std::move(*verifier)) : std::move(*verifier));
    list.generations.push_back(kept.generation);
  }
  return valid.generations.empty() ? doomed_ones : valid;
}

Task<std::string> read_password_message(Wire& wire) {
  HOWDAH_CO_TRY(Message message, co_await wire.read_message(kPasswordMessageBytesMax));
  if (message.type != 'p') {
    co_return fail(ErrorCode::protocol_violation, "expected a SASL response");
  }
  co_return std::move(message.body);
}

}  // namespace

Challenge make_challenge(const Destination& to, const SessionRequest& request,
                         const std::string& mock_secret, Timestamp at) {
  Challenge challenge;
  if (to.role != nullptr) {
    challenge = challenge_of(*to.role, at);
  } else if (to.decoy != nullptr) {
    challenge = challenge_of(*to.decoy, at);
    auto& verifiers = challenge.scram.verifiers;
    std::ranges::transform(verifiers, verifiers.begin(), doomed);
  }
  challenge.scram.user = to.base_role;
  // Roles of the same name in two databases have different salts, so made-up ones have too.
  challenge.scram.mock_secret = crypto::hmac_sha256(mock_secret, to.scope);
  challenge.scram.end_point_hash = request.end_point_hash;
  return challenge;
}

Task<Proven> authenticate(Wire& wire, Challenge challenge, std::string user) {
  pgwire::ScramServer scram(std::move(challenge.scram));
  HOWDAH_CO_CHECK(co_await wire.write(pgwire::build_authentication_sasl(scram.mechanisms())));
  HOWDAH_CO_TRY(const std::string first_body, co_await read_password_message(wire));
  HOWDAH_CO_TRY(const auto first, pgwire::parse_sasl_initial_response(first_body));
  HOWDAH_CO_TRY(const std::string reply, scram.begin(first.mechanism, first.data));
  HOWDAH_CO_CHECK(co_await wire.write(pgwire::build_authentication_sasl_continue(reply)));
  HOWDAH_CO_TRY(const std::string final_body, co_await read_password_message(wire));
  auto accepted = scram.finish(final_body);
  if (!accepted && accepted.error().code == ErrorCode::authentication_failed) {
    co_return fail(ErrorCode::authentication_failed,
                   fmt::format("password authentication failed for user \"{}\"", user));
  }
  if (!accepted) co_return std::unexpected(std::move(accepted).error());
  co_return Proven{std::move(accepted->server_final),
                   challenge.generations.at(accepted->verifier_index)};
}

}  // namespace howdah::gate
