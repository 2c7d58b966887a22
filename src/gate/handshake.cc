// SPDX-License-Identifier: Apache-2.0
#include "gate/handshake.h"

#include <utility>

namespace howdah::gate {
namespace {

std::unexpected<Error> violation(std::string_view detail) {
  return fail(ErrorCode::protocol_violation, "the client does not speak the PostgreSQL protocol",
              {}, std::string(detail));
}

// A client waits for the answer to these requests. Bytes behind them are somebody else's, put there
// to be taken for the client's own once it is encrypted (CVE-2021-23214).
Result<void> expect_nothing_buffered(const Wire& wire) {
  if (wire.buffered().empty()) return {};
  return violation("bytes came before the encryption they asked for");
}

Task<void> start_tls(Wire& wire, const ServerIdentity& identity) {
  HOWDAH_CO_CHECK(co_await wire.write("S"));
  co_return co_await wire.connection().accept_tls(identity.tls);
}

Result<SessionRequest> read_request(const pgwire::StartupMessage& message, Wire& wire,
                                    const ServerIdentity& identity) {
  HOWDAH_TRY(auto startup, pgwire::read_startup(message));
  SessionRequest request;
  request.startup = std::move(startup);
  request.server_name = wire.connection().io().server_name();
  if (wire.connection().io().under_tls()) request.end_point_hash = identity.end_point_hash;
  return request;
}

}  // namespace

Task<ClientRequest> meet_client(Wire& wire, ServerIdentityRef identity, bool plaintext_allowed) {
  bool asked_for_gss = false;
  for (;;) {
    HOWDAH_CO_TRY(auto packet, co_await wire.read_first_packet());
    const bool under_tls = wire.connection().io().under_tls();
    if (std::holds_alternative<pgwire::SslRequest>(packet)) {
      if (under_tls) co_return violation("TLS inside TLS");
      HOWDAH_CO_CHECK(expect_nothing_buffered(wire));
      HOWDAH_CO_CHECK(co_await start_tls(wire, *identity));
    } else if (std::holds_alternative<pgwire::GssEncRequest>(packet)) {
      if (under_tls || asked_for_gss) co_return violation("GSS encryption asked for twice");
      HOWDAH_CO_CHECK(expect_nothing_buffered(wire));
      asked_for_gss = true;
      HOWDAH_CO_CHECK(co_await wire.write("N"));
    } else if (const auto* cancel = std::get_if<pgwire::CancelRequest>(&packet)) {
      co_return ClientRequest(*cancel);
    } else if (const auto* startup = std::get_if<pgwire::StartupMessage>(&packet)) {
      if (!under_tls && !plaintext_allowed) {
        co_return fail(ErrorCode::tls_required, "this server accepts only connections with TLS",
                       "connect with sslmode=require, or verify-full with the CA's certificate");
      }
      if (pgwire::needs_negotiation(*startup)) {
        HOWDAH_CO_CHECK(co_await wire.write(pgwire::build_negotiate_protocol_version(*startup)));
      }
      co_return read_request(*startup, wire, *identity);
    } else {
      // A ClientHello without SSLRequest: there is no answer that such a client would understand.
      co_return fail(ErrorCode::unavailable, "TLS without SSLRequest is not served yet");
    }
  }
}

}  // namespace howdah::gate
