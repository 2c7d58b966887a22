// SPDX-License-Identifier: Apache-2.0
#include "pgwire/scram_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/encode.h"
#include "crypto/random.h"
#include "pgwire/scram_client.h"

namespace howdah::pgwire {

struct ScramTestAccess {
  static void set_nonce(ScramServer& server, std::string nonce) {
    server.server_nonce_ = std::move(nonce);
  }
  static void set_mock(ScramServer& server, const ScramVerifier& verifier) {
    for (auto& candidate : server.candidates_) candidate.verifier = verifier;
  }
};

namespace {

using testing::ElementsAre;

const std::string kSalt(16, 's');
const std::string kMockSecret(32, 'm');
const std::string kHash(32, 'h');

// Few iterations keep the tests fast; what is checked does not depend on their number.
ScramVerifier verifier_of(std::string_view password, std::string salt = kSalt) {
  return make_verifier(password, std::move(salt), 2);
}

ScramServer make_server(std::vector<ScramVerifier> verifiers, std::string hash = {}) {
  return ScramServer({std::move(verifiers), "user_k3v9x2ab", kMockSecret, std::move(hash)});
}

Result<ScramServer::Accepted> log_in(ScramServer& server, ScramClient& client) {
  HOWDAH_TRY(const std::string server_first, server.begin(client.mechanism(), client.first()));
  HOWDAH_TRY(const std::string client_final, client.respond(server_first));
  HOWDAH_TRY(const auto accepted, server.finish(client_final));
  HOWDAH_CHECK(client.verify(accepted.server_final));
  return accepted;
}

Result<ScramServer::Accepted> log_in(std::vector<ScramVerifier> verifiers, std::string password) {
  ScramServer server = make_server(std::move(verifiers));
  ScramClient client(std::move(password));
  return log_in(server, client);
}

// The code with which begin() refuses a message.
ErrorCode begin_error(std::string_view mechanism, std::string_view message, std::string hash = {}) {
  ScramServer server = make_server({verifier_of("pencil")}, std::move(hash));
  const auto result = server.begin(mechanism, message);
  return result ? ErrorCode::internal : result.error().code;
}

TEST(ScramServer, speaks_the_example_of_rfc_7677) {
  const std::string salt = crypto::from_base64("W22ZaJ0SNY7soEsUEjb6gQ==").value();
  ScramServer server = make_server({make_verifier("pencil", salt)});
  ScramTestAccess::set_nonce(server, "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0");
  EXPECT_EQ(server.begin(kScram, "n,,n=user,r=rOprNGfwEbeRWgbNEkqO").value(),
            "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,"
            "i=4096");
  EXPECT_EQ(server
                .finish("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
                        "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
                .value()
                .server_final,
            "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(ScramServer, accepts_the_right_password_and_proves_itself) {
  EXPECT_TRUE(log_in({verifier_of("pencil")}, "pencil"));
}

TEST(ScramServer, refuses_a_wrong_password) {
  const auto result = log_in({verifier_of("pencil")}, "Pencil");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::authentication_failed);
}

TEST(ScramServer, accepts_either_of_two_passwords_and_says_which) {
  const std::vector<ScramVerifier> both = {verifier_of("new"), verifier_of("old")};
  EXPECT_EQ(log_in(both, "new").value().verifier_index, 0U);
  EXPECT_EQ(log_in(both, "old").value().verifier_index, 1U);
  EXPECT_FALSE(log_in(both, "older"));
}

TEST(ScramServer, passes_over_a_verifier_with_another_salt) {
  const std::vector<ScramVerifier> mixed = {
      verifier_of("new"), verifier_of("moved", std::string(16, 'x')), verifier_of("old")};
  EXPECT_EQ(log_in(mixed, "new").value().verifier_index, 0U);
  EXPECT_EQ(log_in(mixed, "old").value().verifier_index, 2U);
  EXPECT_FALSE(log_in(mixed, "moved"));
}

TEST(ScramServer, unknown_role_fails_like_a_wrong_password) {
  const auto unknown = log_in({}, "pencil");
  const auto wrong = log_in({verifier_of("other")}, "pencil");
  ASSERT_FALSE(unknown);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(unknown.error().code, wrong.error().code);
  EXPECT_EQ(unknown.error().message, wrong.error().message);
  EXPECT_EQ(unknown.error().hint, wrong.error().hint);
}

TEST(ScramServer, unknown_role_is_refused_even_if_a_password_matched_its_mock) {
  ScramServer server = make_server({});
  ScramTestAccess::set_mock(server, verifier_of("pencil"));
  ScramClient client("pencil");
  const auto result = log_in(server, client);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::authentication_failed);
}

// "s=...,i=..." of the server-first message for a role without verifiers.
std::string mock_challenge(std::string user, std::string secret) {
  ScramServer server({{}, std::move(user), std::move(secret), {}});
  const std::string message = server.begin(kScram, "n,,n=,r=abc").value();
  return message.substr(message.find(",s=") + 1);
}

TEST(ScramServer, unknown_role_has_the_same_salt_each_time_and_the_usual_form) {
  const std::string challenge = mock_challenge("a", kMockSecret);
  EXPECT_EQ(challenge, mock_challenge("a", kMockSecret));
  EXPECT_NE(challenge, mock_challenge("b", kMockSecret));
  EXPECT_NE(challenge, mock_challenge("a", std::string(32, 'n')));
  EXPECT_TRUE(challenge.ends_with(",i=4096"));
  EXPECT_EQ(crypto::from_base64(challenge.substr(2, challenge.find(',') - 2)).value().size(), 16U);
}

TEST(ScramServer, nonce_extends_the_clients_and_is_never_the_same) {
  auto challenge = [] {
    ScramServer server = make_server({verifier_of("pencil")});
    return server.begin(kScram, "n,,n=,r=abc").value();
  };
  const std::string first = challenge();
  EXPECT_TRUE(first.starts_with("r=abc"));
  EXPECT_GE(first.find(','), 5 + 24U);
  EXPECT_NE(first, challenge());
}

TEST(ScramServer, offers_plus_only_with_a_certificate) {
  EXPECT_THAT(make_server({}).mechanisms(), ElementsAre("SCRAM-SHA-256"));
  EXPECT_THAT(make_server({}, kHash).mechanisms(),
              ElementsAre("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"));
}

TEST(ChannelBinding, login_with_plus_succeeds) {
  ScramServer server = make_server({verifier_of("pencil")}, kHash);
  ScramClient client("pencil", 'p', kHash);
  EXPECT_TRUE(log_in(server, client));
}

TEST(ChannelBinding, client_that_sees_another_certificate_is_refused) {
  ScramServer server = make_server({verifier_of("pencil")}, kHash);
  ScramClient client("pencil", 'p', std::string(32, 'e'));
  const auto result = log_in(server, client);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unauthorized);
}

TEST(ChannelBinding, client_without_support_is_served) {
  ScramServer server = make_server({verifier_of("pencil")}, kHash);
  ScramClient client("pencil", 'n');
  EXPECT_TRUE(log_in(server, client));
}

TEST(ChannelBinding, flag_y_is_a_downgrade_when_plus_was_offered) {
  EXPECT_EQ(begin_error(kScram, "y,,n=,r=abc", kHash), ErrorCode::unauthorized);
  ScramServer server = make_server({verifier_of("pencil")});
  ScramClient client("pencil", 'y');
  EXPECT_TRUE(log_in(server, client));
}

TEST(ChannelBinding, flag_and_mechanism_must_agree) {
  EXPECT_EQ(begin_error(kScram, "p=tls-server-end-point,,n=,r=abc", kHash),
            ErrorCode::protocol_violation);
  EXPECT_EQ(begin_error(kScramPlus, "n,,n=,r=abc", kHash), ErrorCode::protocol_violation);
  EXPECT_EQ(begin_error(kScramPlus, "y,,n=,r=abc", kHash), ErrorCode::protocol_violation);
}

TEST(ChannelBinding, plus_is_refused_where_it_was_not_offered) {
  EXPECT_EQ(begin_error(kScramPlus, "p=tls-server-end-point,,n=,r=abc"),
            ErrorCode::protocol_violation);
}

TEST(ChannelBinding, other_types_are_refused) {
  for (const char* type : {"tls-unique", "tls-exporter", "", "tls-server-end-point2"}) {
    EXPECT_EQ(begin_error(kScramPlus, std::string("p=") + type + ",,n=,r=abc", kHash),
              ErrorCode::protocol_violation)
        << type;
  }
}

TEST(ChannelBinding, final_message_must_repeat_the_first_ones_header) {
  // The client says "n" first and "y" in the protected part: a man in the middle changed the first.
  ScramServer server = make_server({verifier_of("pencil")});
  ScramClient client("pencil", 'y');
  std::string first = client.first();
  first[0] = 'n';
  const std::string challenge = server.begin(kScram, first).value();
  const auto result = server.finish(client.respond(challenge).value());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::protocol_violation);
}

TEST(ScramServer, unknown_mechanism_is_refused) {
  for (const char* mechanism : {"", "PLAIN", "SCRAM-SHA-1", "scram-sha-256"}) {
    EXPECT_EQ(begin_error(mechanism, "n,,n=,r=abc"), ErrorCode::protocol_violation) << mechanism;
  }
}

TEST(ScramServer, authorization_identity_and_mandatory_extension_are_unsupported) {
  EXPECT_EQ(begin_error(kScram, "n,a=admin,n=,r=abc"), ErrorCode::unsupported);
  EXPECT_EQ(begin_error(kScram, "n,,m=x,n=,r=abc"), ErrorCode::unsupported);
}

TEST(ScramServer, malformed_first_message_is_refused) {
  for (const char* message :
       {"", "n", "n,", "n,,", "x,,n=,r=abc", "n,,r=abc", "n,,n=", "n,,n=,", "n,,n=,r=", "n,,n=,s=a",
        "n,,n=,r=a b", "n,,n=,r=\x7f", "n,,n=,r=\xc3\xa9", "n,,n=,r=abc,", "n,,n=,r=abc,x",
        "n,,n=,r=abc,1=x", "n,x,n=,r=abc", "n,,,n=,r=abc"}) {
    EXPECT_EQ(begin_error(kScram, message), ErrorCode::protocol_violation) << message;
  }
  EXPECT_EQ(begin_error(kScram, std::string("n,,n=,r=abc\0", 12)), ErrorCode::protocol_violation);
}

TEST(ScramServer, user_name_and_optional_extensions_in_the_first_message_are_ignored) {
  EXPECT_EQ(begin_error(kScram, "n,,n=someone=2Celse,r=abc,x=1,y="), ErrorCode::internal);
}

TEST(ScramServer, first_message_may_have_1024_bytes_and_no_more) {
  const std::string start = "n,,n=,r=";
  EXPECT_EQ(begin_error(kScram, start + std::string(1024 - start.size(), 'a')),
            ErrorCode::internal);
  EXPECT_EQ(begin_error(kScram, start + std::string(1025 - start.size(), 'a')),
            ErrorCode::protocol_violation);
}

// Runs an exchange with the right password and lets `change` alter the final message.
template <typename Change>
Result<ScramServer::Accepted> finish_changed(Change change) {
  ScramServer server = make_server({verifier_of("pencil")});
  ScramClient client("pencil");
  const std::string challenge = server.begin(kScram, client.first()).value();
  return server.finish(change(client.respond(challenge).value()));
}

TEST(ScramServer, final_message_cut_at_any_byte_is_refused) {
  const std::size_t size = 9 + 24 + 24 + 3 + 44;  // c=biws,r= both nonces ,p= proof
  ASSERT_TRUE(finish_changed([&](std::string message) {
    EXPECT_EQ(message.size(), size + 0U);
    return message;
  }));
  for (std::size_t keep = 0; keep < size; ++keep) {
    EXPECT_FALSE(finish_changed([&](std::string message) { return message.substr(0, keep); }))
        << keep;
  }
}

TEST(ScramServer, final_message_changed_in_any_byte_is_refused) {
  for (std::size_t place = 0; place < 104; ++place) {
    EXPECT_FALSE(finish_changed([&](std::string message) {
      message.at(place) = message[place] == 'A' ? 'B' : 'A';
      return message;
    })) << place;
  }
}

TEST(ScramServer, final_message_with_anything_added_is_refused) {
  for (const char* added : {",", ",x=1", "A", "=", ",p=AAAA"}) {
    EXPECT_FALSE(finish_changed([&](std::string message) { return message + added; })) << added;
  }
  EXPECT_FALSE(finish_changed([](std::string message) { return message + '\0'; }));
  EXPECT_FALSE(finish_changed([](std::string message) { return "x=1," + message; }));
  EXPECT_FALSE(finish_changed([](std::string) { return std::string(1025, 'p'); }));
}

TEST(ScramServer, all_zero_or_all_one_proofs_are_refused) {
  for (const char byte : {'\0', '\xff'}) {
    const auto result = finish_changed([&](const std::string& message) {
      return message.substr(0, message.find(",p=") + 3) + crypto::to_base64(std::string(32, byte));
    });
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::authentication_failed);
  }
}

TEST(ScramServer, proof_of_another_exchange_is_refused) {
  const std::vector<ScramVerifier> verifiers = {verifier_of("pencil")};
  ScramServer recorded = make_server(verifiers);
  ScramClient client("pencil");
  const std::string first = client.first();
  const std::string final_message = client.respond(recorded.begin(kScram, first).value()).value();
  ScramServer replayed = make_server(verifiers);
  ASSERT_TRUE(replayed.begin(kScram, first));
  const auto result = replayed.finish(final_message);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::protocol_violation);  // the nonce gives it away
  EXPECT_TRUE(recorded.finish(final_message));
}

TEST(ScramServer, finishes_once_and_only_after_a_good_beginning) {
  ScramServer server = make_server({verifier_of("pencil")});
  EXPECT_FALSE(server.finish("c=biws,r=abc,p=AAAA"));

  ScramServer failed = make_server({verifier_of("pencil")});
  EXPECT_FALSE(failed.begin(kScram, "n,,"));
  EXPECT_FALSE(failed.finish("c=biws,r=,p=AAAA"));

  ScramServer done = make_server({verifier_of("pencil")});
  ScramClient client("pencil");
  const std::string final_message =
      client.respond(done.begin(kScram, client.first()).value()).value();
  EXPECT_TRUE(done.finish(final_message));
  EXPECT_FALSE(done.finish(final_message));
}

TEST(ScramClient, refuses_a_server_that_does_not_extend_its_nonce) {
  for (const char* challenge : {"r=abc,s=c2FsdA==,i=2", "r=,s=c2FsdA==,i=2", "", "e=other-error"}) {
    ScramClient client("pencil");
    client.first();
    EXPECT_FALSE(client.respond(challenge)) << challenge;
  }
  ScramClient client("pencil");
  const std::string nonce = client.first().substr(8);
  EXPECT_FALSE(client.respond("r=" + nonce + ",s=c2FsdA==,i=2"));
  EXPECT_TRUE(client.respond("r=" + nonce + "x,s=c2FsdA==,i=2"));
}

TEST(ScramClient, refuses_iterations_that_would_keep_it_busy) {
  ScramClient client("pencil");
  const std::string start = "r=" + client.first().substr(8) + "x,s=c2FsdA==,i=";
  for (const char* iterations : {"0", "-1", "1000001", "99999999999", "", "x"}) {
    EXPECT_FALSE(client.respond(start + iterations)) << iterations;
  }
}

TEST(ScramClient, refuses_a_server_that_does_not_know_the_password) {
  ScramServer server = make_server({verifier_of("pencil")});
  ScramClient client("pencil");
  EXPECT_FALSE(client.verify("v="));
  const std::string challenge = server.begin(kScram, client.first()).value();
  const std::string answer = server.finish(client.respond(challenge).value()).value().server_final;
  EXPECT_TRUE(client.verify(answer));
  EXPECT_FALSE(client.verify("v=" + crypto::to_base64(std::string(32, 'x'))));
  EXPECT_FALSE(client.verify("e=other-error"));
}

}  // namespace
}  // namespace howdah::pgwire
