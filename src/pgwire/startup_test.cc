// SPDX-License-Identifier: Apache-2.0
#include "pgwire/startup.h"

#include <gtest/gtest.h>

#include "pgwire/detail/bytes.h"

namespace howdah::pgwire {
namespace {

std::string u32(std::uint32_t value) {
  std::string out;
  detail::put_u32(out, value);
  return out;
}

std::string packet(std::string_view rest) {
  return u32(static_cast<std::uint32_t>(rest.size() + 4)) + std::string(rest);
}

std::string startup_packet(std::uint32_t protocol, std::string_view parameters) {
  return packet(u32(protocol) + std::string(parameters));
}

ErrorCode error_of(std::string_view buffer) {
  const auto result = decode_first_packet(buffer);
  return result ? ErrorCode::internal : result.error().code;
}

const std::string kSslRequest = packet(u32(80877103));
const std::string kGssEncRequest = packet(u32(80877104));
constexpr std::string_view kParameters("user\0u\0database\0d\0\0", 19);

TEST(FirstPacket, requests_are_told_apart) {
  const auto ssl = decode_first_packet(kSslRequest).value();
  EXPECT_TRUE(std::holds_alternative<SslRequest>(ssl.packet));
  EXPECT_EQ(ssl.consumed, 8U);
  EXPECT_TRUE(
      std::holds_alternative<GssEncRequest>(decode_first_packet(kGssEncRequest).value().packet));
  EXPECT_EQ(build_ssl_request(), kSslRequest);
}

TEST(FirstPacket, bytes_after_a_request_are_left_to_the_caller) {
  const auto decoded = decode_first_packet(kSslRequest + "x").value();
  EXPECT_TRUE(std::holds_alternative<SslRequest>(decoded.packet));
  EXPECT_EQ(decoded.consumed, 8U);
}

TEST(FirstPacket, request_with_a_body_is_refused) {
  EXPECT_EQ(error_of(packet(u32(80877103) + "x")), ErrorCode::protocol_violation);
  EXPECT_EQ(error_of(packet(u32(80877104) + "x")), ErrorCode::protocol_violation);
}

TEST(FirstPacket, tls_hello_is_recognised_by_its_first_byte) {
  const auto decoded = decode_first_packet("\x16").value();
  EXPECT_TRUE(std::holds_alternative<DirectTls>(decoded.packet));
  EXPECT_EQ(decoded.consumed, 0U);
}

TEST(FirstPacket, startup_message_gives_its_parameters_in_order) {
  const auto decoded = decode_first_packet(startup_packet(kProtocol30, kParameters)).value();
  const auto& message = std::get<StartupMessage>(decoded.packet);
  EXPECT_EQ(message.protocol, kProtocol30);
  EXPECT_EQ(message.parameters, (std::vector<Parameter>{{"user", "u"}, {"database", "d"}}));
  EXPECT_EQ(decoded.consumed, 8 + kParameters.size());
}

TEST(FirstPacket, startup_message_cut_at_any_byte_asks_for_what_is_missing) {
  const std::string whole = startup_packet(kProtocol30, kParameters);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto decoded = decode_first_packet(whole.substr(0, size)).value();
    EXPECT_TRUE(std::holds_alternative<std::monostate>(decoded.packet)) << size;
    EXPECT_EQ(decoded.needed, size < 4 ? 4 - size : whole.size() - size);
    EXPECT_EQ(decoded.consumed, 0U);
  }
}

TEST(FirstPacket, startup_message_that_ends_inside_a_parameter_is_refused) {
  // The length is right each time; the content stops too early or goes on too long.
  for (std::size_t size = 0; size < kParameters.size(); ++size) {
    EXPECT_EQ(error_of(startup_packet(kProtocol30, kParameters.substr(0, size))),
              ErrorCode::protocol_violation)
        << size;
  }
  EXPECT_EQ(error_of(startup_packet(kProtocol30, std::string(kParameters) + '\0')),
            ErrorCode::protocol_violation);
}

TEST(FirstPacket, length_out_of_range_is_refused_before_its_bytes_come) {
  for (const std::uint32_t length :
       {0U, 3U, 4U, 7U, 10'005U, 0x7fffffffU, 0x80000000U, 0x80000008U, 0xffffffffU}) {
    EXPECT_EQ(error_of(u32(length)), ErrorCode::protocol_violation) << length;
  }
}

TEST(FirstPacket, startup_message_may_have_10000_bytes_and_no_more) {
  // Without its length: 4 of protocol, "user\0", value, 2 terminators.
  auto sized = [](std::size_t size) {
    return startup_packet(
        kProtocol30, std::string("user\0", 5) + std::string(size - 11, 'u') + std::string(2, '\0'));
  };
  EXPECT_EQ(sized(10'000).size(), 10'004U);
  EXPECT_TRUE(decode_first_packet(sized(10'000)));
  EXPECT_EQ(error_of(sized(10'001)), ErrorCode::protocol_violation);
}

TEST(FirstPacket, startup_message_may_have_100_parameters_and_no_more) {
  std::string parameters;
  for (int i = 0; i < 100; ++i) parameters += std::string("a\0b\0", 4);
  EXPECT_TRUE(decode_first_packet(startup_packet(kProtocol30, parameters + '\0')));
  parameters += std::string("_pq_.a\0b\0", 9);
  EXPECT_EQ(error_of(startup_packet(kProtocol30, parameters + '\0')),
            ErrorCode::protocol_violation);
}

TEST(FirstPacket, other_protocols_are_unsupported) {
  EXPECT_EQ(error_of(startup_packet(2 << 16, kParameters)), ErrorCode::unsupported);
  EXPECT_EQ(error_of(startup_packet(4 << 16, kParameters)), ErrorCode::unsupported);
  EXPECT_EQ(error_of(startup_packet(0, kParameters)), ErrorCode::unsupported);
  EXPECT_EQ(error_of(packet(u32((1234U << 16) + 5681))), ErrorCode::unsupported);
}

TEST(FirstPacket, newer_minor_protocol_is_taken_and_negotiated_down) {
  const auto decoded = decode_first_packet(startup_packet(kProtocol32, kParameters)).value();
  const auto& message = std::get<StartupMessage>(decoded.packet);
  EXPECT_TRUE(needs_negotiation(message));
  EXPECT_EQ(build_negotiate_protocol_version(message), "v" + u32(12) + u32(kProtocol30) + u32(0));
  EXPECT_FALSE(needs_negotiation(message, kProtocol32));
}

TEST(FirstPacket, protocol_options_are_set_apart_and_answered_by_name) {
  const std::string parameters(
      "user\0u\0_pq_.x\0"
      "1\0\0",
      17);
  const auto decoded = decode_first_packet(startup_packet(kProtocol30, parameters)).value();
  const auto& message = std::get<StartupMessage>(decoded.packet);
  EXPECT_EQ(message.parameters.size(), 1U);
  EXPECT_EQ(message.protocol_options, (std::vector<Parameter>{{"_pq_.x", "1"}}));
  EXPECT_TRUE(needs_negotiation(message));
  EXPECT_EQ(build_negotiate_protocol_version(message),
            "v" + u32(19) + u32(kProtocol30) + u32(1) + std::string("_pq_.x\0", 7));
}

TEST(FirstPacket, plain_protocol_3_needs_no_negotiation) {
  EXPECT_FALSE(needs_negotiation(StartupMessage{}));
}

TEST(CancelRequest, key_of_4_to_256_bytes_is_taken) {
  for (const std::size_t size : {4U, 5U, 32U, 256U}) {
    const std::string secret(size, 'k');
    const std::string bytes = build_cancel_request({77, secret});
    const auto decoded = decode_first_packet(bytes).value();
    const auto& cancel = std::get<CancelRequest>(decoded.packet);
    EXPECT_EQ(cancel.process_id, 77U);
    EXPECT_EQ(cancel.secret, secret);
    EXPECT_EQ(decoded.consumed, bytes.size());
  }
}

TEST(CancelRequest, key_out_of_range_is_refused) {
  for (const std::size_t size : {0U, 3U, 257U, 9'000U}) {
    EXPECT_EQ(error_of(build_cancel_request({77, std::string(size, 'k')})),
              ErrorCode::protocol_violation)
        << size;
  }
  EXPECT_EQ(error_of(packet(u32(80877102) + "ab")), ErrorCode::protocol_violation);
}

TEST(StartupToInstance, is_read_back_as_it_was_written) {
  const std::string bytes = build_startup("u", "d", {{"application_name", "x"}, {"empty", ""}});
  const auto decoded = decode_first_packet(bytes).value();
  const auto& message = std::get<StartupMessage>(decoded.packet);
  EXPECT_EQ(decoded.consumed, bytes.size());
  EXPECT_EQ(message.protocol, kProtocol30);
  EXPECT_EQ(message.parameters,
            (std::vector<Parameter>{
                {"user", "u"}, {"database", "d"}, {"application_name", "x"}, {"empty", ""}}));
}

}  // namespace
}  // namespace howdah::pgwire
