// SPDX-License-Identifier: Apache-2.0
#include "gate/backend_login.h"

#include <utility>

#include "base/log.h"

namespace howdah::gate {
namespace {

// Room for the parameters and notices of a login; an instance that sends more is not PostgreSQL.
constexpr std::size_t kMessageBytesMax = 32'768;
constexpr std::size_t kGreetingBytesMax = 131'072;
constexpr std::string_view kCannotConnectNow = "57P03";

std::unexpected<Error> broken(std::string_view detail) {
  return fail(ErrorCode::instance_failed, "the database's instance broke the protocol", {},
              std::string(detail));
}

Result<LoginOutcome> refusal(const Message& message) {
  HOWDAH_TRY(const auto fields, pgwire::parse_error_response(message.body));
  std::string text = pgwire::build_message('E', message.body);
  if (fields.sqlstate == kCannotConnectNow) return NotReady{std::move(text)};
  return LoginRefused{fields.sqlstate, std::move(text)};
}

Result<void> check_authentication(const Message& message) {
  HOWDAH_TRY(const auto request, pgwire::parse_authentication(message.body));
  if (request.kind == pgwire::AuthenticationKind::ok) return {};
  // pg_hba is ours and constant: something has changed it.
  log::warn("login", "an instance asks the gate for a password (kind {})",
            static_cast<std::uint32_t>(request.kind));
  return broken("asked for a password");
}

// From AuthenticationOk to ReadyForQuery.
Task<LoginOutcome> read_greeting(BackendSession session) {
  bool authenticated = false, has_key = false;
  for (;;) {
    auto message = co_await session.wire.read_message(kMessageBytesMax);
    if (!message && message.error().code == ErrorCode::protocol_violation) {
      co_return broken(message.error().to_log());
    }
    if (!message && message.error().code == ErrorCode::cancelled) {
      co_return std::unexpected(std::move(message).error());
    }
    if (!message) co_return NotReady{};  // it went away
    if (message->type == 'E') co_return refusal(*message);
    if (message->type == 'R') {
      HOWDAH_CO_CHECK(check_authentication(*message));
      authenticated = true;
      continue;
    }
    if (!authenticated) co_return broken("spoke before it accepted the login");
    if (message->type == 'K') {
      HOWDAH_CO_TRY(session.key, pgwire::parse_backend_key_data(message->body));
      has_key = true;
    } else if (message->type == 'Z') {
      if (!has_key) co_return broken("gave no cancel key");
      session.ready = pgwire::build_message('Z', message->body);
      co_return LoginOutcome(std::move(session));
    } else if (message->type == 'S' || message->type == 'N') {
      session.greeting += pgwire::build_message(message->type, message->body);
      if (session.greeting.size() > kGreetingBytesMax) co_return broken("too long a greeting");
    } else {
      co_return broken("an unexpected message during login");
    }
  }
}

}  // namespace

Task<LoginOutcome> log_in(asio::any_io_executor executor, LoginRequest request) {
  auto io = net::SocketIo::connect_unix(request.socket_path);
  if (!io) co_return NotReady{};
  BackendSession session{Wire(net::Connection(executor, std::move(*io))), {}, {}, {}};
  auto sent = co_await session.wire.write(
      pgwire::build_startup(request.role, request.database, request.parameters));
  if (!sent && sent.error().code == ErrorCode::cancelled) {
    co_return std::unexpected(std::move(sent).error());
  }
  // A failed write is no news: the instance may have said why before it went away.
  co_return co_await read_greeting(std::move(session));
}

}  // namespace howdah::gate
