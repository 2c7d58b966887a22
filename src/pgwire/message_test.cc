// SPDX-License-Identifier: Apache-2.0
#include "pgwire/message.h"

#include <gtest/gtest.h>

#include "pgwire/detail/bytes.h"

namespace howdah::pgwire {
namespace {

using namespace std::string_literals;

std::string u32(std::uint32_t value) {
  std::string out;
  detail::put_u32(out, value);
  return out;
}

// Checks type and length of a built message; returns its body.
std::string body_of(const std::string& message, char type) {
  const auto header = decode_header(message, kBodyBytesMax).value();
  EXPECT_TRUE(header);
  EXPECT_EQ(header->type, type);
  EXPECT_EQ(header->body_bytes + kHeaderBytes, message.size());
  return message.substr(kHeaderBytes);
}

// Every strictly shorter body is refused by `parse`.
template <typename Parse>
void expect_truncations_refused(const std::string& body, Parse parse) {
  ASSERT_TRUE(parse(body));
  for (std::size_t size = 0; size < body.size(); ++size) {
    const auto result = parse(std::string_view(body).substr(0, size));
    ASSERT_FALSE(result) << size;
    EXPECT_EQ(result.error().code, ErrorCode::protocol_violation);
  }
}

TEST(Header, needs_five_bytes) {
  const std::string bytes = "p" + u32(4);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_header(bytes.substr(0, size), 100).value()) << size;
  }
  const auto header = decode_header(bytes, 100).value();
  ASSERT_TRUE(header);
  EXPECT_EQ(header->type, 'p');
  EXPECT_EQ(header->body_bytes, 0U);
}

TEST(Header, length_below_4_or_over_the_maximum_is_refused) {
  EXPECT_TRUE(decode_header("p" + u32(104), 100));
  for (const std::uint32_t length :
       {0U, 1U, 3U, 105U, 0x7fffffffU, 0x80000000U, 0x80000004U, 0xffffffffU}) {
    const auto header = decode_header("p" + u32(length), 100);
    ASSERT_FALSE(header) << length;
    EXPECT_EQ(header.error().code, ErrorCode::protocol_violation);
  }
}

TEST(ErrorResponse, carries_severity_twice_and_every_field) {
  const std::string body =
      body_of(build_error_response(ErrorFields{"FATAL", "28P01", "no", "why", "do"}), 'E');
  EXPECT_EQ(body, "SFATAL\0VFATAL\0C28P01\0Mno\0Dwhy\0Hdo\0\0"s);
}

TEST(ErrorResponse, is_made_of_the_public_part_of_an_error) {
  Error error;
  error.code = ErrorCode::too_many_connections;
  error.message = "too many";
  error.hint = "wait";
  error.detail = "secret detail";
  const std::string body = body_of(build_error_response(error), 'E');
  const ErrorFields fields = parse_error_response(body).value();
  EXPECT_EQ(fields.severity, "FATAL");
  EXPECT_EQ(fields.sqlstate, "53300");
  EXPECT_EQ(fields.message, "too many");
  EXPECT_EQ(fields.hint, "wait");
  EXPECT_EQ(fields.detail, "");
}

TEST(ErrorResponse, every_error_code_has_an_sqlstate_of_5_characters) {
  for (const ErrorInfo& info : kErrorInfos) {
    Error error;
    error.code = info.code;
    const std::string body = body_of(build_error_response(error, "ERROR"), 'E');
    EXPECT_EQ(parse_error_response(body).value().sqlstate.size(), 5U) << info.name;
    EXPECT_FALSE(parse_error_response(body).value().message.empty());
  }
}

TEST(ErrorResponse, nul_in_a_text_cannot_begin_another_field) {
  ErrorFields fields;
  fields.message = std::string("a\0C00000", 8);
  const std::string body = body_of(build_error_response(fields), 'E');
  EXPECT_EQ(parse_error_response(body).value().sqlstate, "XX000");
  EXPECT_EQ(parse_error_response(body).value().message, "a");
}

TEST(ErrorResponse, cut_anywhere_is_refused) {
  const std::string body = body_of(build_error_response(ErrorFields{}), 'E');
  expect_truncations_refused(body, parse_error_response);
  EXPECT_FALSE(parse_error_response(body + "x"));
}

TEST(ErrorResponse, severity_of_old_servers_comes_from_the_localised_field) {
  const std::string body = "SFATAL\0C28000\0Mx\0Z?\0\0"s;
  EXPECT_EQ(parse_error_response(body).value().severity, "FATAL");
}

TEST(Authentication, messages_are_read_back) {
  const auto ok = parse_authentication(body_of(build_authentication_ok(), 'R')).value();
  EXPECT_EQ(ok.kind, AuthenticationKind::ok);
  EXPECT_EQ(ok.data, "");
  const auto sasl =
      parse_authentication(body_of(build_authentication_sasl({"SCRAM-SHA-256-PLUS", "X"}), 'R'))
          .value();
  EXPECT_EQ(sasl.kind, AuthenticationKind::sasl);
  EXPECT_EQ(sasl.data, std::string("SCRAM-SHA-256-PLUS\0X\0\0", 22));
  const auto more =
      parse_authentication(body_of(build_authentication_sasl_continue("r=1"), 'R')).value();
  EXPECT_EQ(more.kind, AuthenticationKind::sasl_continue);
  EXPECT_EQ(more.data, "r=1");
  const auto last =
      parse_authentication(body_of(build_authentication_sasl_final("v=1"), 'R')).value();
  EXPECT_EQ(last.kind, AuthenticationKind::sasl_final);
  EXPECT_EQ(last.data, "v=1");
}

TEST(Authentication, unknown_kinds_are_handed_on_and_cut_ones_refused) {
  EXPECT_EQ(static_cast<std::uint32_t>(parse_authentication(u32(99)).value().kind), 99U);
  expect_truncations_refused(u32(0), parse_authentication);
}

TEST(ParameterStatus, is_read_back_and_cut_anywhere_refused) {
  const std::string body = body_of(build_parameter_status({"TimeZone", "UTC"}), 'S');
  EXPECT_EQ(parse_parameter_status(body).value(), (Parameter{"TimeZone", "UTC"}));
  expect_truncations_refused(body, parse_parameter_status);
  EXPECT_FALSE(parse_parameter_status(body + "x"));
  EXPECT_FALSE(parse_parameter_status(std::string("\0x\0", 3)));
}

TEST(BackendKeyData, takes_keys_of_4_to_256_bytes) {
  for (const std::size_t size : {4U, 256U}) {
    const std::string body = body_of(build_backend_key_data({5, std::string(size, 'k')}), 'K');
    const BackendKey key = parse_backend_key_data(body).value();
    EXPECT_EQ(key.process_id, 5U);
    EXPECT_EQ(key.secret, std::string(size, 'k'));
  }
  EXPECT_FALSE(parse_backend_key_data(u32(5) + std::string(257, 'k')));
  expect_truncations_refused(u32(5) + "abcd", parse_backend_key_data);
}

TEST(ReadyForQuery, knows_three_states_only) {
  for (const char status : {'I', 'T', 'E'}) {
    EXPECT_EQ(parse_ready_for_query(body_of(build_ready_for_query(status), 'Z')).value(), status);
  }
  for (const std::string& body :
       {std::string(), std::string("X"), std::string("II"), std::string(1, '\0')}) {
    EXPECT_FALSE(parse_ready_for_query(body));
  }
}

TEST(CommandComplete, gives_its_tag_and_cut_anywhere_is_refused) {
  const std::string body("ALTER ROLE\0", 11);
  EXPECT_EQ(parse_command_complete(body).value(), "ALTER ROLE");
  expect_truncations_refused(body, parse_command_complete);
  EXPECT_FALSE(parse_command_complete(body + "x"));
}

TEST(SaslInitialResponse, gives_mechanism_and_data_and_cut_anywhere_is_refused) {
  const std::string body = std::string("SCRAM-SHA-256\0", 14) + u32(5) + "n,,n=";
  const auto response = parse_sasl_initial_response(body).value();
  EXPECT_EQ(response.mechanism, "SCRAM-SHA-256");
  EXPECT_EQ(response.data, "n,,n=");
  expect_truncations_refused(body, parse_sasl_initial_response);
  EXPECT_FALSE(parse_sasl_initial_response(body + "x"));
}

TEST(SaslInitialResponse, without_data_or_with_a_false_size_is_refused) {
  const std::string mechanism("SCRAM-SHA-256\0", 14);
  EXPECT_FALSE(parse_sasl_initial_response(mechanism + u32(0xffffffff)));
  EXPECT_FALSE(parse_sasl_initial_response(mechanism + u32(0x80000000) + "n,,"));
  EXPECT_FALSE(parse_sasl_initial_response(mechanism + u32(4) + "n,,"));
  EXPECT_FALSE(parse_sasl_initial_response(mechanism + u32(2) + "n,,"));
  // A password where SASL is due.
  EXPECT_FALSE(parse_sasl_initial_response(std::string("secret\0", 7)));
}

}  // namespace
}  // namespace howdah::pgwire
