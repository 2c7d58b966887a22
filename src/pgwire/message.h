// SPDX-License-Identifier: Apache-2.0
// Messages after start-up: framing, what a gate says to a client during login, and what it must
// understand of an instance while it logs in there. PostgreSQL's documentation, "Message Formats".
// Pure, no state; every input is hostile, from clients and instances alike.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "pgwire/startup.h"

namespace howdah::pgwire {

inline constexpr std::size_t kHeaderBytes = 5;
// PostgreSQL's own limits: what a client may send before it is authenticated, and the largest
// message at all.
inline constexpr std::size_t kLoginBodyBytesMax = 65'535;
inline constexpr std::size_t kBodyBytesMax = 0x3fffffff;

struct MessageHeader {
  char type = 0;
  std::size_t body_bytes = 0;  // without type and length
};

// Empty: fewer than kHeaderBytes bytes. The body may still be missing.
// Errors: protocol_violation for a length below 4 or a body over body_bytes_max.
Result<std::optional<MessageHeader>> decode_header(std::string_view buffer,
                                                   std::size_t body_bytes_max);

// --- to a client -------------------------------------------------------------------------------

// The fields of an ErrorResponse or NoticeResponse. Empty ones are left out.
struct ErrorFields {
  std::string severity = "FATAL";
  std::string sqlstate = "XX000";
  std::string message;
  std::string detail;
  std::string hint;
};

std::string build_error_response(const ErrorFields& fields);
// The public part of an error: sqlstate by its code, message, hint. Never its detail.
std::string build_error_response(const Error& error, std::string_view severity = "FATAL");
std::string build_authentication_ok();
std::string build_authentication_sasl(const std::vector<std::string>& mechanisms);
std::string build_authentication_sasl_continue(std::string_view data);
std::string build_authentication_sasl_final(std::string_view data);
std::string build_parameter_status(const Parameter& parameter);
struct BackendKey {
  std::uint32_t process_id = 0;
  std::string secret;  // 4 bytes in protocol 3.0, up to 256 in 3.2
};
std::string build_backend_key_data(const BackendKey& key);
std::string build_ready_for_query(char transaction_status);  // 'I', 'T' or 'E'
// Any other message: type, length, body.
std::string build_message(char type, std::string_view body);

// --- from a client (message type 'p') ----------------------------------------------------------

struct SaslInitialResponse {
  std::string mechanism;
  std::string data;
};
// Errors: protocol_violation; also for a response without data, since SCRAM starts at the client.
Result<SaslInitialResponse> parse_sasl_initial_response(std::string_view body);

// --- from an instance --------------------------------------------------------------------------

enum class AuthenticationKind : std::uint32_t {
  ok = 0,
  cleartext_password = 3,
  md5_password = 5,
  sasl = 10,
  sasl_continue = 11,
  sasl_final = 12,
};
struct AuthenticationRequest {
  AuthenticationKind kind = AuthenticationKind::ok;  // may hold a number that has no name here
  std::string data;
};
// All errors below: protocol_violation.
Result<AuthenticationRequest> parse_authentication(std::string_view body);  // 'R'
Result<ErrorFields> parse_error_response(std::string_view body);            // 'E', 'N'
Result<Parameter> parse_parameter_status(std::string_view body);            // 'S'
Result<BackendKey> parse_backend_key_data(std::string_view body);           // 'K'
Result<char> parse_ready_for_query(std::string_view body);                  // 'Z'
Result<std::string> parse_command_complete(std::string_view body);          // 'C': "ALTER ROLE"

}  // namespace howdah::pgwire
