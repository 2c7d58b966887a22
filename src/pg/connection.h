// SPDX-License-Identifier: Apache-2.0
// One connection to a PostgreSQL server: libpq without blocking, on Asio. The only libpq.
// Owned by one coroutine at a time, on the thread of the executor it was opened on, which it must
// not outlive. Nothing of the environment (PGHOST, PGSERVICE, ~/.pgpass, ...) has any effect.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "net/task.h"

namespace howdah::pg {

// Filled by platform_session.h and tests only.
struct ConnectOptions {
  std::string socket_directory;
  std::string user;
  std::string database;
  std::string application_name = "howdah";
  milliseconds timeout{5'000};
  // Empty, or "-c name=value" settings. search_path is always pinned to pg_catalog unless set here.
  std::string options;
  // Sets back what is attached to the logical database or the role (platform_session.h).
  bool forgets_attached = false;
};

// A parameter or a cell, in text format; empty is NULL. Numbers and booleans: pg::param(x).
using Value = std::optional<std::string>;
Value param(std::int64_t number);
Value param(int number);
Value param(bool value);
Value param(Timestamp time);
inline Value param(std::string text) {
  return Value(std::move(text));
}
inline Value param(const char* text) {  // else a literal would become a boolean
  return Value(text);
}
// An optional of any of these; empty is NULL.
template <typename T>
Value param(const std::optional<T>& value) {
  return value ? param(*value) : Value();
}
Value bytes_param(std::string_view bytes);  // bytea

// Rows of one statement. Asking for a column that is not there is a bug of ours and aborts.
class Rows {
 public:
  Rows(std::vector<std::string> columns, std::vector<std::vector<Value>> cells,
       std::int64_t affected);
  std::size_t size() const { return cells_.size(); }
  bool empty() const { return cells_.empty(); }
  std::int64_t affected() const { return affected_; }  // of INSERT, UPDATE, DELETE
  const std::vector<std::string>& columns() const { return columns_; }

  const Value& value(std::size_t row, std::string_view column) const;
  std::string text(std::size_t row, std::string_view column) const;      // NULL: empty
  std::int64_t integer(std::size_t row, std::string_view column) const;  // NULL: 0
  bool boolean(std::size_t row, std::string_view column) const;          // NULL: false
  std::optional<Timestamp> time(std::size_t row, std::string_view column) const;
  std::string bytes(std::size_t row, std::string_view column) const;  // of a bytea; NULL: empty

 private:
  std::size_t index_of(std::string_view column) const;

  std::vector<std::string> columns_;
  std::vector<std::vector<Value>> cells_;
  std::int64_t affected_;
};

struct Notification {
  std::string channel;
  std::string payload;
};

// Errors of every call: sql_error with the server's message in `detail` and its SQLSTATE (see
// sqlstate()), unavailable when the connection is lost or the server shuts down, volume_full
// (53100), timeout. After a lost connection or a cancelled call it is broken and only good for
// destruction. One call at a time.
class Connection {
 public:
  static Task<Connection> open(ConnectOptions options);
  ~Connection();
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;

  // One statement with $1... parameters (extended protocol). COPY is not possible here.
  Task<Rows> query(std::string sql, std::vector<Value> parameters = {},
                   milliseconds deadline = milliseconds{15'000});
  // Any number of statements without parameters, in one implicit transaction unless they say else.
  Task<void> script(std::string sql, milliseconds deadline = milliseconds{60'000});
  // Waits for a NOTIFY on a channel this connection listens to. Empty: none within the time.
  Task<std::optional<Notification>> wait_notification(milliseconds deadline);

  bool broken() const;
  // False when the server has closed it meanwhile. Looks at the socket, does not wait.
  bool alive();
  bool in_transaction() const;
  int server_version() const;  // 150018

 private:
  struct Impl;
  explicit Connection(std::unique_ptr<Impl> impl);
  Task<void> forget_attached();
  static Task<Connection> open_within(std::unique_ptr<Impl> impl, ConnectOptions options);
  std::unique_ptr<Impl> impl_;
};

// The SQLSTATE behind an error of this module; empty when it has none.
std::string sqlstate(const Error& error);
// Quotes an identifier or a literal for a statement that cannot take parameters (DDL).
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

}  // namespace howdah::pg
