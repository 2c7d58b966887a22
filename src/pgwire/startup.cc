// SPDX-License-Identifier: Apache-2.0
#include "pgwire/startup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "pgwire/detail/bytes.h"

namespace howdah::pgwire {
namespace {

using detail::put_cstring;
using detail::put_u32;
using detail::Reader;

// Requests stand where a StartupMessage has its protocol: major 1234.
constexpr std::uint32_t kCancelRequestCode = (1234U << 16) + 5678;
constexpr std::uint32_t kSslRequestCode = (1234U << 16) + 5679;
constexpr std::uint32_t kGssEncRequestCode = (1234U << 16) + 5680;
constexpr char kTlsHandshakeRecord = 0x16;
constexpr std::string_view kProtocolOptionPrefix = "_pq_.";

std::unexpected<Error> violation(std::string message) {
  return fail(ErrorCode::protocol_violation, std::move(message));
}

Result<FirstPacket> parse_cancel(std::string_view body) {
  Reader in(body);
  const auto process_id = in.u32();
  const std::size_t key_bytes = in.rest().size();
  if (!process_id || key_bytes < kCancelKeyBytesMin || key_bytes > kCancelKeyBytesMax) {
    return violation("invalid length of cancel request");
  }
  return CancelRequest{*process_id, std::string(in.rest())};
}

Result<FirstPacket> parse_startup(std::uint32_t protocol, std::string_view body) {
  StartupMessage message;
  message.protocol = protocol;
  Reader in(body);
  for (;;) {
    const auto name = in.cstring();
    if (!name) return violation("invalid startup packet layout: expected terminator as last byte");
    if (name->empty()) break;
    const auto value = in.cstring();
    if (!value) return violation("invalid startup packet layout: a value has no terminator");
    auto& list =
        name->starts_with(kProtocolOptionPrefix) ? message.protocol_options : message.parameters;
    list.push_back({std::string(*name), std::string(*value)});
    if (message.parameters.size() + message.protocol_options.size() > kStartupParametersMax) {
      return violation(fmt::format("more than {} startup parameters", kStartupParametersMax));
    }
  }
  if (!in.at_end()) return violation("invalid startup packet layout: bytes after its end");
  return message;
}

Result<FirstPacket> parse_body(std::uint32_t code, std::string_view body) {
  switch (code) {
    case kSslRequestCode:
      if (!body.empty()) return violation("invalid length of SSL request");
      return SslRequest{};
    case kGssEncRequestCode:
      if (!body.empty()) return violation("invalid length of GSS encryption request");
      return GssEncRequest{};
    case kCancelRequestCode:
      return parse_cancel(body);
    default:
      break;
  }
  if (code >> 16 != kProtocol30 >> 16) {
    return fail(ErrorCode::unsupported,
                fmt::format("unsupported frontend protocol {}.{}: server supports 3.0", code >> 16,
                            code & 0xFFFF));
  }
  return parse_startup(code, body);
}

}  // namespace

Result<FirstPacketDecode> decode_first_packet(std::string_view buffer) {
  constexpr std::size_t kLengthBytes = 4;
  FirstPacketDecode result;
  // A length that begins with this byte would be over any limit, so it can only be TLS.
  if (!buffer.empty() && buffer.front() == kTlsHandshakeRecord) {
    result.packet = DirectTls{};
    return result;
  }
  Reader in(buffer);
  const auto length = in.u32();
  if (!length) {
    result.needed = kLengthBytes - buffer.size();
    return result;
  }
  if (*length < 2 * kLengthBytes || *length - kLengthBytes > kFirstPacketBytesMax) {
    return violation("invalid length of startup packet");
  }
  if (buffer.size() < *length) {
    result.needed = *length - buffer.size();
    return result;
  }
  const std::uint32_t code = in.u32().value();
  HOWDAH_TRY(result.packet, parse_body(code, in.rest().substr(0, *length - 2 * kLengthBytes)));
  result.consumed = *length;
  return result;
}

bool needs_negotiation(const StartupMessage& message, std::uint32_t newest) {
  return message.protocol > newest || !message.protocol_options.empty();
}

std::string build_negotiate_protocol_version(const StartupMessage& message, std::uint32_t newest) {
  std::string body;
  put_u32(body, std::min(message.protocol, newest));
  put_u32(body, static_cast<std::uint32_t>(message.protocol_options.size()));
  for (const Parameter& option : message.protocol_options) put_cstring(body, option.name);
  std::string packet = "v";
  put_u32(packet, static_cast<std::uint32_t>(body.size() + 4));
  return packet + body;
}

std::string build_startup(const std::string& user, const std::string& database,
                          const std::vector<Parameter>& parameters) {
  assert(user.find('\0') == std::string::npos && database.find('\0') == std::string::npos);
  std::string body;
  put_u32(body, kProtocol30);
  put_cstring(body, "user");
  put_cstring(body, user);
  put_cstring(body, "database");
  put_cstring(body, database);
  for (const Parameter& parameter : parameters) {
    assert(!parameter.name.empty() && parameter.name.find('\0') == std::string::npos);
    assert(parameter.value.find('\0') == std::string::npos);
    put_cstring(body, parameter.name);
    put_cstring(body, parameter.value);
  }
  body += '\0';
  std::string packet;
  put_u32(packet, static_cast<std::uint32_t>(body.size() + 4));
  return packet + body;
}

std::string build_cancel_request(const CancelRequest& request) {
  std::string packet;
  put_u32(packet, static_cast<std::uint32_t>(12 + request.secret.size()));
  put_u32(packet, kCancelRequestCode);
  put_u32(packet, request.process_id);
  return packet + request.secret;
}

std::string build_ssl_request() {
  std::string packet;
  put_u32(packet, 8);
  put_u32(packet, kSslRequestCode);
  return packet;
}

}  // namespace howdah::pgwire
