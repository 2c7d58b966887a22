// SPDX-License-Identifier: Apache-2.0
#include "pg/connection.h"

#include <fmt/format.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include "base/log.h"

namespace howdah::pg {
namespace {

constexpr std::string_view kStatePrefix = "SQLSTATE ";

// Whoever starts a daemon may have any of these set; a service or a password among them would
// reach a server it was not meant for. Some cannot be overridden by connection parameters
// (PGSERVICE, PGDATESTYLE, PGTZ), so they go before main() starts and threads exist.
bool forget_environment() {
  for (const char* name : {"PGHOST",
                           "PGSSLNEGOTIATION",
                           "PGHOSTADDR",
                           "PGPORT",
                           "PGDATABASE",
                           "PGUSER",
                           "PGPASSWORD",
                           "PGPASSFILE",
                           "PGREQUIREAUTH",
                           "PGCHANNELBINDING",
                           "PGSERVICE",
                           "PGSERVICEFILE",
                           "PGSYSCONFDIR",
                           "PGOPTIONS",
                           "PGAPPNAME",
                           "PGSSLMODE",
                           "PGREQUIRESSL",
                           "PGSSLCOMPRESSION",
                           "PGSSLCERT",
                           "PGSSLKEY",
                           "PGSSLCERTMODE",
                           "PGSSLROOTCERT",
                           "PGSSLCRL",
                           "PGSSLCRLDIR",
                           "PGSSLSNI",
                           "PGREQUIREPEER",
                           "PGSSLMINPROTOCOLVERSION",
                           "PGSSLMAXPROTOCOLVERSION",
                           "PGGSSENCMODE",
                           "PGKRBSRVNAME",
                           "PGGSSLIB",
                           "PGGSSDELEGATION",
                           "PGCONNECT_TIMEOUT",
                           "PGCLIENTENCODING",
                           "PGTARGETSESSIONATTRS",
                           "PGLOADBALANCEHOSTS",
                           "PGDATESTYLE",
                           "PGTZ",
                           "PGGEQO",
                           "PGLOCALEDIR",
                           "PGMINPROTOCOLVERSION",
                           "PGMAXPROTOCOLVERSION"}) {
    ::unsetenv(name);
  }
  return true;
}
const bool kEnvironmentForgotten = forget_environment();

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, FreeResult>;

std::string one_line(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (line.ends_with('\n')) line.pop_back();
  return line;
}

ErrorCode code_of_state(std::string_view state) {
  if (state.starts_with("08") || state.starts_with("57P") || state == "53300") {
    return ErrorCode::unavailable;
  }
  return state == "53100" ? ErrorCode::volume_full : ErrorCode::sql_error;
}

Error error_of(const PGresult* result) {
  const auto field = [&](int code) { return one_line(PQresultErrorField(result, code)); };
  const std::string state = field(PG_DIAG_SQLSTATE);
  Error error;
  error.code = code_of_state(state);
  error.message = error.code == ErrorCode::unavailable ? "the database server does not answer"
                                                       : "a database statement failed";
  error.detail = fmt::format("{}{}: {}", kStatePrefix, state, field(PG_DIAG_MESSAGE_PRIMARY));
  if (const auto more = field(PG_DIAG_MESSAGE_DETAIL); !more.empty()) error.detail += "; " + more;
  if (const auto place = field(PG_DIAG_CONTEXT); !place.empty()) error.detail += "; at " + place;
  return error;
}

Rows rows_of(const PGresult* result) {
  const int columns = PQnfields(result), rows = PQntuples(result);
  std::vector<std::string> names;
  for (int column = 0; column < columns; ++column) names.emplace_back(PQfname(result, column));
  std::vector<std::vector<Value>> cells(static_cast<std::size_t>(rows));
  for (int row = 0; row < rows; ++row) {
    auto& cell_row = cells[static_cast<std::size_t>(row)];
    cell_row.reserve(static_cast<std::size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      if (PQgetisnull(result, row, column) != 0) {
        cell_row.emplace_back();
      } else {
        cell_row.emplace_back(std::in_place, PQgetvalue(result, row, column),
                              static_cast<std::size_t>(PQgetlength(result, row, column)));
      }
    }
  }
  const std::string affected = PQcmdTuples(const_cast<PGresult*>(result));
  return Rows(std::move(names), std::move(cells), affected.empty() ? 0 : std::stoll(affected));
}

void log_notice(void*, const PGresult* result) {
  log::debug("pg", "{}", one_line(PQresultErrorMessage(result)));
}

std::string server_options(const ConnectOptions& options) {
  std::string text = "-c datestyle=ISO -c timezone=UTC";
  if (options.options.find("search_path") == std::string::npos) {
    text += " -c search_path=pg_catalog";
  }
  return options.options.empty() ? text : text + " " + options.options;
}

}  // namespace

struct Connection::Impl {
  explicit Impl(asio::any_io_executor executor) : socket(std::move(executor)) {}
  ~Impl() {
    // The descriptor is libpq's: PQfinish closes it.
    if (socket.is_open()) socket.release();
    PQfinish(conn);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::unexpected<Error> lost(std::string_view what) {
    return fail(ErrorCode::unavailable, "the connection to the database server is lost", {},
                fmt::format("{}: {}", what, one_line(PQerrorMessage(conn))));
  }

  Task<void> wait(asio::posix::descriptor_base::wait_type type) {
    auto [error] = co_await socket.async_wait(type, net::kToken);
    if (error) co_return net::fail_net("wait for the database server", error);
    co_return Result<void>{};
  }

  Task<void> connect();
  Task<void> flush();
  Task<ResultPtr> next_result();
  Task<Rows> query(std::string sql, std::vector<Value> parameters);
  Task<Rows> collect();
  Task<void> script(std::string sql);

  PGconn* conn = nullptr;
  asio::posix::stream_descriptor socket;
  // True while a call is under way, so that one that is cancelled anywhere leaves it true.
  bool broken = true;
};

Task<void> Connection::Impl::connect() {
  using asio::posix::descriptor_base;
  auto wanted = descriptor_base::wait_write;
  while (true) {
    // libpq may change to another socket between two steps.
    const int fd = PQsocket(conn);
    if (fd < 0) co_return lost("connect");
    if (!socket.is_open() || socket.native_handle() != fd) {
      if (socket.is_open()) socket.release();
      socket.assign(fd);
    }
    HOWDAH_CO_CHECK(co_await wait(wanted));
    switch (PQconnectPoll(conn)) {
      case PGRES_POLLING_OK:
        co_return Result<void>{};
      case PGRES_POLLING_READING:
        wanted = descriptor_base::wait_read;
        break;
      case PGRES_POLLING_WRITING:
        wanted = descriptor_base::wait_write;
        break;
      default:
        co_return lost("connect");
    }
  }
}

Task<void> Connection::Impl::flush() {
  using namespace asio::experimental::awaitable_operators;
  using asio::posix::descriptor_base;
  while (true) {
    const int state = PQflush(conn);
    if (state < 0) co_return lost("send");
    if (state == 0) co_return Result<void>{};
    // The server may be blocked on answers that it wants read first.
    auto ready = co_await (socket.async_wait(descriptor_base::wait_write, net::kToken) ||
                           socket.async_wait(descriptor_base::wait_read, net::kToken));
    if (ready.index() == 1 && PQconsumeInput(conn) == 0) co_return lost("receive");
  }
}

Task<ResultPtr> Connection::Impl::next_result() {
  while (PQisBusy(conn) != 0) {
    HOWDAH_CO_CHECK(co_await wait(asio::posix::descriptor_base::wait_read));
    if (PQconsumeInput(conn) == 0) co_return lost("receive");
  }
  co_return ResultPtr(PQgetResult(conn));
}

// All results of one command: the last one's rows, or the first error. COPY cannot be served.
Task<Rows> Connection::Impl::collect() {
  std::optional<Error> first_error;
  Rows rows({}, {}, 0);
  while (true) {
    HOWDAH_CO_TRY(const ResultPtr result, co_await next_result());
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK:
      case PGRES_EMPTY_QUERY:
        rows = rows_of(result.get());
        break;
      case PGRES_FATAL_ERROR:
        if (PQstatus(conn) != CONNECTION_OK) co_return lost("execute");
        if (!first_error) first_error = error_of(result.get());
        break;
      default:
        co_return fail(ErrorCode::internal, "a statement asked for COPY, which is not done here");
    }
  }
  broken = false;
  if (first_error) {
    broken = first_error->code == ErrorCode::unavailable;
    co_return std::unexpected(std::move(*first_error));
  }
  co_return rows;
}

Task<Rows> Connection::Impl::query(std::string sql, std::vector<Value> parameters) {
  std::vector<const char*> values;
  values.reserve(parameters.size());
  for (const Value& value : parameters) {
    if (value && value->find('\0') != std::string::npos) {
      co_return fail(ErrorCode::invalid_request, "a text must not contain a zero byte");
    }
    values.push_back(value ? value->c_str() : nullptr);
  }
  if (broken) co_return lost("send");
  broken = true;
  if (PQsendQueryParams(conn, sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                        nullptr, nullptr, 0) == 0) {
    co_return lost("send");
  }
  HOWDAH_CO_CHECK(co_await flush());
  co_return co_await collect();
}

Task<void> Connection::Impl::script(std::string sql) {
  if (broken) co_return lost("send");
  broken = true;
  if (PQsendQuery(conn, sql.c_str()) == 0) co_return lost("send");
  HOWDAH_CO_CHECK(co_await flush());
  HOWDAH_CO_CHECK(co_await collect());
  co_return Result<void>{};
}

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;
Connection::Connection(Connection&&) noexcept = default;
Connection& Connection::operator=(Connection&&) noexcept = default;

Task<Connection> Connection::open(ConnectOptions options) {
  auto impl = std::make_unique<Impl>(co_await asio::this_coro::executor);
  const milliseconds timeout = options.timeout;
  std::string what = "connect to PostgreSQL in " + options.socket_directory;
  co_return co_await net::with_deadline(open_within(std::move(impl), std::move(options)), timeout,
                                        std::move(what));
}

Task<Connection> Connection::open_within(std::unique_ptr<Impl> impl, ConnectOptions options) {
  const std::string server = server_options(options);
  // An empty text means "not given" to libpq. The password stands in the way of ~/.pgpass: login
  // is by peer identity, and a hostile instance that asks for a password gets a useless one.
  const std::array<const char*, 12> keywords{
      "host",     "port",    "user",       "dbname",          "application_name",
      "options",  "sslmode", "gssencmode", "client_encoding", "password",
      "passfile", nullptr};
  const std::array<const char*, 12> values{options.socket_directory.c_str(),
                                           "5432",
                                           options.user.c_str(),
                                           options.database.c_str(),
                                           options.application_name.c_str(),
                                           server.c_str(),
                                           "disable",
                                           "disable",
                                           "UTF8",
                                           "none",
                                           "/dev/null",
                                           nullptr};
  impl->conn = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (impl->conn == nullptr || PQstatus(impl->conn) == CONNECTION_BAD)
    co_return impl->lost("connect");
  PQsetNoticeReceiver(impl->conn, log_notice, nullptr);
  HOWDAH_CO_CHECK(co_await impl->connect());
  if (PQsetnonblocking(impl->conn, 1) != 0) co_return impl->lost("connect");
  impl->broken = false;
  Connection connection(std::move(impl));
  if (options.forgets_attached) HOWDAH_CO_CHECK(co_await connection.forget_attached());
  co_return connection;
}

// The views of settings know each major's; those that are not in it (role, session_authorization)
// come with the connection or cannot be attached.
Task<void> Connection::forget_attached() {
  HOWDAH_CO_CHECK(co_await query(
      R"(SELECT pg_catalog.count(pg_catalog.set_config(name, boot_val, false))
         FROM pg_catalog.pg_settings
         WHERE source IN ('database', 'user', 'database user')
           AND context IN ('user', 'superuser'))"));
  co_return Result<void>{};
}

Task<Rows> Connection::query(std::string sql, std::vector<Value> parameters,
                             milliseconds deadline) {
  co_return co_await net::with_deadline(impl_->query(std::move(sql), std::move(parameters)),
                                        deadline, "run a database statement");
}

Task<void> Connection::script(std::string sql, milliseconds deadline) {
  co_return co_await net::with_deadline(impl_->script(std::move(sql)), deadline,
                                        "run a database script");
}

Task<std::optional<Notification>> Connection::wait_notification(milliseconds deadline) {
  using namespace asio::experimental::awaitable_operators;
  const auto give_up = std::chrono::steady_clock::now() + deadline;
  while (true) {
    if (PQconsumeInput(impl_->conn) == 0) {
      impl_->broken = true;
      co_return impl_->lost("receive");
    }
    struct FreeNotify {
      void operator()(PGnotify* notify) const { PQfreemem(notify); }
    };
    const std::unique_ptr<PGnotify, FreeNotify> notify(PQnotifies(impl_->conn));
    if (notify) co_return Notification{notify->relname, notify->extra};
    const auto left = std::chrono::ceil<milliseconds>(give_up - std::chrono::steady_clock::now());
    if (left <= milliseconds{0}) co_return std::nullopt;
    auto ready =
        co_await (impl_->wait(asio::posix::descriptor_base::wait_read) || net::sleep_for(left));
    if (ready.index() == 1) co_return std::nullopt;
    HOWDAH_CO_CHECK(std::get<0>(ready));
  }
}

bool Connection::broken() const {
  return impl_ == nullptr || impl_->broken;
}

bool Connection::alive() {
  // A server that ended says so and then closes: the first read gets its words, the next the end.
  for (int reads = 0; reads < 3 && !broken(); ++reads) {
    if (PQconsumeInput(impl_->conn) == 0 || PQstatus(impl_->conn) != CONNECTION_OK) {
      impl_->broken = true;
      break;
    }
    pollfd more{.fd = PQsocket(impl_->conn), .events = POLLIN, .revents = 0};
    if (::poll(&more, 1, 0) <= 0) break;
  }
  return !broken();
}

bool Connection::in_transaction() const {
  return PQtransactionStatus(impl_->conn) != PQTRANS_IDLE;
}

int Connection::server_version() const {
  return PQserverVersion(impl_->conn);
}

std::string sqlstate(const Error& error) {
  constexpr std::size_t kStateSize = 5;
  if (error.detail.starts_with(kStatePrefix)) {
    return error.detail.substr(kStatePrefix.size(), kStateSize);
  }
  return error.cause ? sqlstate(*error.cause) : std::string();
}

std::string quote_identifier(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string quote_literal(std::string_view text) {
  // The E form does not depend on standard_conforming_strings, which a tenant may switch.
  const bool escapes = text.find('\\') != std::string_view::npos;
  std::string quoted = escapes ? "E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted += c;
    quoted += c;
  }
  return quoted + "'";
}

}  // namespace howdah::pg
