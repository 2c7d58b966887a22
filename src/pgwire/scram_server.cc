// SPDX-License-Identifier: Apache-2.0
#include "pgwire/scram_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <optional>

#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "pgwire/detail/scram_text.h"

namespace howdah::pgwire {
namespace {

constexpr std::size_t kServerNonceBytes = 18;
// Every exchange checks its proof against at least so many verifiers, real ones or mocks, so that
// the time does not tell whether a role exists or how many passwords it has.
constexpr std::size_t kCandidatesMin = 2;
constexpr std::string_view kBindingType = "tls-server-end-point";

std::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorCode::protocol_violation, fmt::format("malformed SCRAM message: {}", why));
}

// A verifier that no password matches: its keys have no known preimage.
ScramVerifier make_mock(std::string_view secret, std::string_view user, std::string salt,
                        int iterations) {
  ScramVerifier mock;
  mock.iterations = iterations;
  mock.salt = std::move(salt);
  mock.stored_key = crypto::hmac_sha256(secret, fmt::format("stored key of {}", user));
  mock.server_key = crypto::hmac_sha256(secret, fmt::format("server key of {}", user));
  return mock;
}

std::string xor_of(std::string_view a, std::string_view b) {
  std::string result(a);
  for (std::size_t i = 0; i < result.size(); ++i) result[i] = static_cast<char>(a[i] ^ b[i]);
  return result;
}

}  // namespace

ScramServer::ScramServer(ScramServerConfig config)
    : user_(std::move(config.user)),
      end_point_hash_(std::move(config.end_point_hash)),
      server_nonce_(crypto::to_base64(crypto::random_bytes(kServerNonceBytes))) {
  // The mock salt is computed for existing roles too: the same work for both.
  std::string salt = crypto::hmac_sha256(config.mock_secret, fmt::format("salt of {}", user_))
                         .substr(0, kScramSaltBytes);
  int iterations = kScramIterations;
  if (!config.verifiers.empty()) {
    salt = config.verifiers.front().salt;
    iterations = config.verifiers.front().iterations;
  }
  for (std::size_t i = 0; i < config.verifiers.size(); ++i) {
    ScramVerifier& verifier = config.verifiers[i];
    if (verifier.salt != salt || verifier.iterations != iterations) continue;
    candidates_.push_back({std::move(verifier), i, true});
  }
  const ScramVerifier mock = make_mock(config.mock_secret, user_, salt, iterations);
  while (candidates_.size() < kCandidatesMin) candidates_.push_back({mock, 0, false});
}

std::vector<std::string> ScramServer::mechanisms() const {
  std::vector<std::string> names;
  if (!end_point_hash_.empty()) names.emplace_back(kScramPlus);
  names.emplace_back(kScram);
  return names;
}

// The GS2 flag at the front of the client-first message. Returns what follows it.
Result<std::string_view> ScramServer::check_binding_flag(std::string_view message) {
  if (message.empty()) return malformed("it is empty");
  flag_ = message.front();
  message.remove_prefix(1);
  if (flag_ == 'p') {
    if (!plus_) {
      return malformed("channel binding data without the mechanism SCRAM-SHA-256-PLUS");
    }
    const std::string expected = fmt::format("={}", kBindingType);
    const std::size_t comma = message.find(',');
    if (comma == std::string_view::npos || message.substr(0, comma) != expected) {
      return malformed("unsupported channel binding type");
    }
    return message.substr(comma);
  }
  if (flag_ != 'n' && flag_ != 'y') return malformed("unexpected channel binding flag");
  if (plus_) return malformed("SCRAM-SHA-256-PLUS without channel binding data");
  if (flag_ == 'y' && !end_point_hash_.empty()) {
    // The client saw no -PLUS although we offered it: somebody in the middle took it away.
    return fail(ErrorCode::unauthorized, "SCRAM channel binding negotiation error",
                "The client supports channel binding but thinks the server does not; it does.");
  }
  return message;
}

Result<std::string> ScramServer::begin(std::string_view mechanism, std::string_view client_first) {
  assert(state_ == State::start);
  state_ = State::done;  // until the message has proved to be good
  plus_ = mechanism == kScramPlus && !end_point_hash_.empty();
  if (!plus_ && mechanism != kScram) {
    return fail(ErrorCode::protocol_violation,
                "client selected an invalid SASL authentication mechanism");
  }
  HOWDAH_CHECK(detail::check_message(client_first));
  HOWDAH_TRY(std::string_view rest, check_binding_flag(client_first));
  if (rest.starts_with(",a=")) {
    return fail(ErrorCode::unsupported,
                "client uses authorization identity, but it is not supported");
  }
  if (!rest.starts_with(",,")) return malformed("comma expected after the channel binding flag");
  client_first_bare_ = rest.substr(2);

  detail::AttributeReader in(client_first_bare_);
  if (client_first_bare_.starts_with("m=")) {
    return fail(ErrorCode::unsupported, "client requires an unsupported SCRAM extension");
  }
  // The name counts for nothing: the role is that of the StartupMessage, as in PostgreSQL.
  if (!in.take('n')) return malformed("no user name");
  const auto client_nonce = in.take('r');
  if (!client_nonce || client_nonce->empty() || !detail::is_nonce(*client_nonce)) {
    return malformed("no valid nonce");
  }
  if (!in.skip_extensions()) return malformed("an attribute expected");

  nonce_ = std::string(*client_nonce) + server_nonce_;
  const ScramVerifier& announced = candidates_.front().verifier;
  server_first_ = fmt::format("r={},s={},i={}", nonce_, crypto::to_base64(announced.salt),
                              announced.iterations);
  state_ = State::challenged;
  return server_first_;
}

std::string ScramServer::expected_binding() const {
  if (flag_ != 'p') return flag_ == 'y' ? "y,," : "n,,";
  return fmt::format("p={},,", kBindingType) + end_point_hash_;
}

Result<ScramServer::Accepted> ScramServer::finish(std::string_view client_final) {
  if (state_ != State::challenged) return malformed("it comes out of turn");
  state_ = State::done;
  HOWDAH_CHECK(detail::check_message(client_final));
  detail::AttributeReader in(client_final);
  const auto binding = in.take('c');
  const auto nonce = in.take('r');
  if (!binding || !nonce) return malformed("channel binding and nonce expected");
  // The proof is the last attribute and covers all before it, extensions included.
  const std::size_t proof_place = client_final.find(",p=");
  if (proof_place == std::string_view::npos) return malformed("no proof");
  const std::string_view without_proof = client_final.substr(0, proof_place);
  const auto proof = crypto::from_base64(client_final.substr(proof_place + 3));
  if (!proof || proof->size() != crypto::kSha256Size) return malformed("its proof is not 32 bytes");
  if (!in.skip_extensions()) return malformed("an attribute expected");
  if (!crypto::constant_time_equal(*binding, crypto::to_base64(expected_binding()))) {
    if (flag_ != 'p') return malformed("unexpected channel binding attribute");
    return fail(ErrorCode::unauthorized, "SCRAM channel binding check failed",
                "The client sees another certificate than the server sent.");
  }
  if (!crypto::constant_time_equal(*nonce, nonce_)) return malformed("the nonce does not match");

  const std::string auth_message =
      fmt::format("{},{},{}", client_first_bare_, server_first_, without_proof);
  const Candidate* matched = nullptr;
  // No early end: each candidate costs the same, whichever matches.
  for (const Candidate& candidate : candidates_) {
    const std::string signature = crypto::hmac_sha256(candidate.verifier.stored_key, auth_message);
    const std::string stored_key = crypto::sha256(xor_of(*proof, signature));
    const bool equal = crypto::constant_time_equal(stored_key, candidate.verifier.stored_key);
    if (equal && candidate.real && matched == nullptr) matched = &candidate;
  }
  const ScramVerifier& answering =
      matched == nullptr ? candidates_.front().verifier : matched->verifier;
  const std::string server_signature = crypto::hmac_sha256(answering.server_key, auth_message);
  if (matched == nullptr) {
    return fail(ErrorCode::authentication_failed,
                fmt::format("password authentication failed for user \"{}\"", user_));
  }
  return Accepted{"v=" + crypto::to_base64(server_signature), matched->index};
}

}  // namespace howdah::pgwire
