// SPDX-License-Identifier: Apache-2.0
// Connections to one server, lent out one at a time. Used on one thread, that of its executor.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "pg/connection.h"

namespace howdah::pg {

// At most size_max connections with the same options, opened when needed. Used on one thread.
class Pool {
 public:
  Pool(asio::any_io_executor executor, ConnectOptions options, std::size_t size_max);
  ~Pool();

  // A connection lent for as long as the lease lives. A broken one, or one that is not idle outside
  // a transaction, is closed on return.
  class Lease {
   public:
    Lease(Lease&&) noexcept;
    Lease& operator=(Lease&&) noexcept;
    ~Lease();
    Connection& operator*() const;
    Connection* operator->() const;

   private:
    friend class Pool;
    struct Impl;
    explicit Lease(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
  };
  // Errors: timeout when all are busy for that long; unavailable when the server does not answer.
  Task<Lease> acquire(milliseconds deadline = milliseconds{10'000});

  // One statement on any connection.
  Task<Rows> query(std::string sql, std::vector<Value> parameters = {});

  // BEGIN, body, COMMIT; any error rolls back. Serialization failures and deadlocks (40001, 40P01)
  // run body again, at most 3 times, so body must have no effect outside the connection.
  // body is a coroutine function: a bound member or free function, no capturing lambda coroutine.
  template <typename T>
  Task<T> transaction(std::function<Task<T>(Connection&)> body);

  // Grows whenever something may have been written: with each lease that is lent and given back,
  // and around each query() that is not a plain SELECT (one that calls a function of schema howdah
  // counts as a write).
  std::uint64_t writes() const;

  // Closes idle connections; those lent are closed on return; waiters get `unavailable`.
  void close();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

template <typename T>
Task<T> Pool::transaction(std::function<Task<T>(Connection&)> body) {
  constexpr int kAttempts = 3;
  for (int attempt = 1;; ++attempt) {
    HOWDAH_CO_TRY(Lease lease, co_await acquire());
    HOWDAH_CO_CHECK(co_await lease->script("BEGIN"));
    Result<T> result = co_await body(*lease);
    if (result) {
      auto committed = co_await lease->script("COMMIT");
      if (committed) co_return result;
      result = std::unexpected(std::move(committed).error());
    } else if (!lease->broken()) {
      (void)co_await lease->script("ROLLBACK");
    }
    const std::string state = sqlstate(result.error());
    if ((state != "40001" && state != "40P01") || attempt == kAttempts) co_return result;
  }
}

}  // namespace howdah::pg
