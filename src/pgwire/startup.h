// SPDX-License-Identifier: Apache-2.0
// The first packets of a client connection: decoding, meaning, and the packets a gate sends on to
// an instance. PostgreSQL's documentation, "Message Formats" and "Message Flow: Start-up".
// Pure, no state; every input is hostile.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace howdah::pgwire {

inline constexpr std::uint32_t kProtocol30 = 3 << 16;
inline constexpr std::uint32_t kProtocol32 = (3 << 16) + 2;

// Limits. 10,000 is PostgreSQL's own (the length without its own four bytes).
inline constexpr std::size_t kFirstPacketBytesMax = 10'000;
inline constexpr std::size_t kStartupParametersMax = 100;
inline constexpr std::size_t kCancelKeyBytesMin = 4;
inline constexpr std::size_t kCancelKeyBytesMax = 256;

struct Parameter {
  std::string name;
  std::string value;
  bool operator==(const Parameter&) const = default;
};

struct SslRequest {};
struct GssEncRequest {};
// The connection starts with a TLS ClientHello (sslnegotiation=direct, libpq >= 17). No byte is
// consumed. A server that goes along must insist on ALPN "postgresql".
struct DirectTls {};

struct CancelRequest {
  std::uint32_t process_id = 0;
  std::string secret;  // kCancelKeyBytesMin to kCancelKeyBytesMax bytes
};

struct StartupMessage {
  std::uint32_t protocol = kProtocol30;     // major 3; any minor: see needs_negotiation()
  std::vector<Parameter> parameters;        // as they came, without "_pq_." ones
  std::vector<Parameter> protocol_options;  // "_pq_." parameters: none is known
};

using FirstPacket = std::variant<std::monostate, SslRequest, GssEncRequest, DirectTls,
                                 CancelRequest, StartupMessage>;

// packet is std::monostate while bytes are missing: then `needed` more must come before it is worth
// calling again. Otherwise `consumed` bytes of the buffer are used up; what follows them must be
// looked at by the caller (after SSLRequest it must be nothing: CVE-2021-23214).
struct FirstPacketDecode {
  FirstPacket packet;
  std::size_t needed = 0;
  std::size_t consumed = 0;
};

// buffer: everything received and not yet consumed.
// Errors: protocol_violation; unsupported (protocol 2, unknown request codes).
Result<FirstPacketDecode> decode_first_packet(std::string_view buffer);

// What a StartupMessage asks for, in the gate's terms.
struct ClientStartup {
  std::string user;             // as sent, a branch suffix included; never empty
  std::string database;         // as sent; empty: not given
  std::string option_database;  // database=... in `options`
  std::string option_branch;    // branch=... in `options`
  std::string replication;      // as sent; empty: not given
  // Goes to the instance: everything else, in order, `options` without what was consumed. No user,
  // no database, no replication.
  std::vector<Parameter> forwarded;
  // What -c and --name= inside `options` set, in order (also part of forwarded's `options`).
  std::vector<Parameter> option_settings;
  // Meant for poolers and Prisma and unknown to PostgreSQL: pgbouncer, schema, connection_limit,
  // pool_timeout.
  std::vector<Parameter> consumed;

  std::string_view application_name() const;  // empty: not given
};

// Errors: unauthorized (no user), protocol_violation (user, database, options or replication given
// twice; more than one database or branch in options), invalid_request (options with a switch
// that lacks its value).
Result<ClientStartup> read_startup(const StartupMessage& message);

// `options` as PostgreSQL splits it: at white space, a backslash takes the next character as it is.
std::vector<std::string> split_options(std::string_view text);
std::string join_options(const std::vector<std::string>& items);

// The client asked for more than protocol 3.0 without options: NegotiateProtocolVersion must be
// sent before the authentication request.
bool needs_negotiation(const StartupMessage& message, std::uint32_t newest = kProtocol30);
std::string build_negotiate_protocol_version(const StartupMessage& message,
                                             std::uint32_t newest = kProtocol30);

// To an instance: protocol 3.0. Names and values must be free of NUL (they come from C strings).
std::string build_startup(const std::string& user, const std::string& database,
                          const std::vector<Parameter>& parameters);
std::string build_cancel_request(const CancelRequest& request);
std::string build_ssl_request();

}  // namespace howdah::pgwire
