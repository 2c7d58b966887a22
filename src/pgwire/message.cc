// SPDX-License-Identifier: Apache-2.0
#include "pgwire/message.h"

#include <algorithm>
#include <cassert>

#include "pgwire/detail/bytes.h"

namespace howdah::pgwire {
namespace {

using detail::put_cstring;
using detail::put_u32;
using detail::Reader;

std::unexpected<Error> malformed(std::string_view message) {
  return fail(ErrorCode::protocol_violation, "malformed " + std::string(message) + " message");
}

// A NUL inside a text would end its field and let the rest pass for other fields.
void put_field(std::string& body, char type, std::string_view text) {
  if (text.empty()) return;
  body += type;
  put_cstring(body, text.substr(0, text.find('\0')));
}

std::string build_authentication(AuthenticationKind kind, std::string_view data) {
  std::string body;
  put_u32(body, static_cast<std::uint32_t>(kind));
  body += data;
  return build_message('R', body);
}

}  // namespace

Result<std::optional<MessageHeader>> decode_header(std::string_view buffer,
                                                   std::size_t body_bytes_max) {
  constexpr std::uint32_t kLengthBytes = 4;
  Reader in(buffer);
  const auto type = in.byte();
  const auto length = in.u32();
  if (!type || !length) return std::optional<MessageHeader>();
  // Above 2^31 the length is negative for PostgreSQL; for us it is just over every maximum.
  if (*length < kLengthBytes || *length - kLengthBytes > body_bytes_max) {
    return fail(ErrorCode::protocol_violation, "invalid message length");
  }
  return std::optional(MessageHeader{*type, *length - kLengthBytes});
}

std::string build_message(char type, std::string_view body) {
  assert(body.size() <= kBodyBytesMax);
  std::string message;
  message.reserve(kHeaderBytes + body.size());
  message += type;
  put_u32(message, static_cast<std::uint32_t>(body.size() + 4));
  message += body;
  return message;
}

std::string build_error_response(const ErrorFields& fields) {
  std::string body;
  put_field(body, 'S', fields.severity);
  put_field(body, 'V', fields.severity);
  put_field(body, 'C', fields.sqlstate);
  // Clients expect a message in every case.
  put_field(body, 'M', fields.message.empty() ? std::string_view("error") : fields.message);
  put_field(body, 'D', fields.detail);
  put_field(body, 'H', fields.hint);
  body += '\0';
  return build_message('E', body);
}

std::string build_error_response(const Error& error, std::string_view severity) {
  ErrorFields fields;
  fields.severity = severity;
  fields.sqlstate = info_of(error.code).sqlstate;
  fields.message = error.message;
  fields.hint = error.hint;
  return build_error_response(fields);
}

std::string build_authentication_ok() {
  return build_authentication(AuthenticationKind::ok, {});
}

std::string build_authentication_sasl(const std::vector<std::string>& mechanisms) {
  std::string list;
  for (const std::string& mechanism : mechanisms) put_cstring(list, mechanism);
  list += '\0';
  return build_authentication(AuthenticationKind::sasl, list);
}

std::string build_authentication_sasl_continue(std::string_view data) {
  return build_authentication(AuthenticationKind::sasl_continue, data);
}

std::string build_authentication_sasl_final(std::string_view data) {
  return build_authentication(AuthenticationKind::sasl_final, data);
}

std::string build_parameter_status(const Parameter& parameter) {
  std::string body;
  put_cstring(body, parameter.name);
  put_cstring(body, parameter.value);
  return build_message('S', body);
}

std::string build_backend_key_data(const BackendKey& key) {
  assert(key.secret.size() >= kCancelKeyBytesMin && key.secret.size() <= kCancelKeyBytesMax);
  std::string body;
  put_u32(body, key.process_id);
  body += key.secret;
  return build_message('K', body);
}

std::string build_ready_for_query(char transaction_status) {
  return build_message('Z', std::string_view(&transaction_status, 1));
}

Result<SaslInitialResponse> parse_sasl_initial_response(std::string_view body) {
  Reader in(body);
  const auto mechanism = in.cstring();
  const auto size = in.u32();
  // Size -1 means "no data"; as a number it is over any length, so it ends here too.
  const auto data = mechanism && size ? in.bytes(*size) : std::nullopt;
  if (!data || !in.at_end()) return malformed("SASLInitialResponse");
  return SaslInitialResponse{std::string(*mechanism), std::string(*data)};
}

Result<AuthenticationRequest> parse_authentication(std::string_view body) {
  Reader in(body);
  const auto kind = in.u32();
  if (!kind) return malformed("Authentication");
  return AuthenticationRequest{static_cast<AuthenticationKind>(*kind), std::string(in.rest())};
}

Result<ErrorFields> parse_error_response(std::string_view body) {
  ErrorFields fields;
  fields.severity.clear();
  fields.sqlstate.clear();
  std::string localised_severity;
  Reader in(body);
  for (;;) {
    const auto type = in.byte();
    if (!type) return malformed("ErrorResponse");
    if (*type == '\0') break;
    const auto text = in.cstring();
    if (!text) return malformed("ErrorResponse");
    if (*type == 'S') localised_severity = *text;
    if (*type == 'V') fields.severity = *text;
    if (*type == 'C') fields.sqlstate = *text;
    if (*type == 'M') fields.message = *text;
    if (*type == 'D') fields.detail = *text;
    if (*type == 'H') fields.hint = *text;
  }
  if (!in.at_end()) return malformed("ErrorResponse");
  // Servers before 9.6 send the severity in their language only.
  if (fields.severity.empty()) fields.severity = localised_severity;
  return fields;
}

Result<Parameter> parse_parameter_status(std::string_view body) {
  Reader in(body);
  const auto name = in.cstring();
  const auto value = in.cstring();
  if (!name || !value || name->empty() || !in.at_end()) return malformed("ParameterStatus");
  return Parameter{std::string(*name), std::string(*value)};
}

Result<BackendKey> parse_backend_key_data(std::string_view body) {
  Reader in(body);
  const auto process_id = in.u32();
  const std::size_t key_bytes = in.rest().size();
  if (!process_id || key_bytes < kCancelKeyBytesMin || key_bytes > kCancelKeyBytesMax) {
    return malformed("BackendKeyData");
  }
  return BackendKey{*process_id, std::string(in.rest())};
}

Result<char> parse_ready_for_query(std::string_view body) {
  if (body.size() != 1 || std::string_view("ITE").find(body.front()) == std::string_view::npos) {
    return malformed("ReadyForQuery");
  }
  return body.front();
}

Result<std::string> parse_command_complete(std::string_view body) {
  Reader in(body);
  const auto tag = in.cstring();
  if (!tag || !in.at_end()) return malformed("CommandComplete");
  return std::string(*tag);
}

}  // namespace howdah::pgwire
