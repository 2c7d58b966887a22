// SPDX-License-Identifier: Apache-2.0
#include "pg/pool.h"

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <utility>
#include <vector>

namespace howdah::pg {
namespace {

constexpr milliseconds kQueryWait{10'000};  // for a connection

// Our own functions are all in schema howdah, and PostgreSQL's own that a SELECT of ours calls
// change no row.
bool only_reads(std::string_view sql) {
  constexpr std::string_view kSchema = "howdah.";
  const std::size_t begin = sql.find_first_not_of(" \n");
  if (begin == std::string_view::npos || !sql.substr(begin).starts_with("SELECT")) return false;
  for (std::size_t at = sql.find(kSchema); at != std::string_view::npos;
       at = sql.find(kSchema, at)) {
    at = sql.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at + kSchema.size());
    if (at == std::string_view::npos) break;
    if (sql[at] == '(') return false;
  }
  return true;
}

// One coroutine that waits for a connection, first come first served. Lives in its frame.
struct Waiter {
  explicit Waiter(asio::any_io_executor executor) : woken(std::move(executor)) {}
  asio::steady_timer woken;
  std::optional<Connection> given;
  bool may_open = false;  // a slot became free: open a connection of your own
};

}  // namespace

struct Pool::Impl : std::enable_shared_from_this<Pool::Impl> {
  Impl(asio::any_io_executor executor_, ConnectOptions options_, std::size_t size_max_)
      : executor(std::move(executor_)), options(std::move(options_)), size_max(size_max_) {}

  // writes: what is lent may be used to write.
  Task<Lease> acquire(milliseconds deadline, bool writes);
  Task<Lease> open(bool writes);
  Task<Lease> wait(milliseconds deadline, bool writes);
  Lease lend(Connection connection, bool writes);
  void give_back(Connection connection);
  void free_slot();

  asio::any_io_executor executor;
  ConnectOptions options;
  std::size_t size_max;
  std::size_t size = 0;  // open or being opened, lent or idle
  std::vector<Connection> idle;
  std::list<Waiter*> waiters;
  bool closed = false;
  std::uint64_t writes_seen = 0;
};

struct Pool::Lease::Impl {
  std::shared_ptr<Pool::Impl> pool;
  Connection connection;
  bool writes;
};

Pool::Lease Pool::Impl::lend(Connection connection, bool writes) {
  if (writes) ++writes_seen;
  return Lease(std::make_unique<Lease::Impl>(
      Lease::Impl{shared_from_this(), std::move(connection), writes}));
}

void Pool::Impl::give_back(Connection connection) {
  if (closed || connection.broken() || connection.in_transaction()) {
    free_slot();
  } else if (waiters.empty()) {
    idle.push_back(std::move(connection));
  } else {
    Waiter& next = *waiters.front();
    waiters.pop_front();
    next.given = std::move(connection);
    next.woken.cancel();
  }
}

void Pool::Impl::free_slot() {
  if (waiters.empty()) {
    --size;
    return;
  }
  Waiter& next = *waiters.front();
  waiters.pop_front();
  next.may_open = true;
  next.woken.cancel();
}

Task<Pool::Lease> Pool::Impl::acquire(milliseconds deadline, bool writes) {
  if (closed) co_return fail(ErrorCode::unavailable, "the database connections are closed");
  while (!idle.empty()) {
    Connection connection = std::move(idle.back());
    idle.pop_back();
    if (connection.alive()) co_return lend(std::move(connection), writes);
    --size;
  }
  if (size < size_max) {
    ++size;
    co_return co_await open(writes);
  }
  co_return co_await wait(deadline, writes);
}

// The slot is counted already; it is given back when there will be no lease.
Task<Pool::Lease> Pool::Impl::open(bool writes) {
  struct Slot {
    Impl& pool;
    bool used = false;
    ~Slot() {
      if (!used) pool.free_slot();
    }
  } slot{*this};
  HOWDAH_CO_TRY(Connection connection, co_await Connection::open(options));
  slot.used = true;
  co_return lend(std::move(connection), writes);
}

Task<Pool::Lease> Pool::Impl::wait(milliseconds deadline, bool writes) {
  Waiter waiter(executor);
  // Whatever was handed over while this coroutine was cancelled goes to the next one.
  struct Registration {
    Impl& pool;
    Waiter& waiter;
    ~Registration() {
      pool.waiters.remove(&waiter);
      if (waiter.given) pool.give_back(std::move(*waiter.given));
      if (waiter.may_open) pool.free_slot();
    }
  } registration{*this, waiter};
  waiters.push_back(&waiter);
  waiter.woken.expires_after(deadline);
  co_await waiter.woken.async_wait(net::kToken);
  if (waiter.given) {
    Connection connection = *std::exchange(waiter.given, std::nullopt);
    co_return lend(std::move(connection), writes);
  }
  if (std::exchange(waiter.may_open, false)) co_return co_await open(writes);
  if (closed) co_return fail(ErrorCode::unavailable, "the database connections are closed");
  co_return fail(ErrorCode::timeout, "all database connections are busy");
}

Pool::Pool(asio::any_io_executor executor, ConnectOptions options, std::size_t size_max)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(options), size_max)) {}
Pool::~Pool() {
  close();
}

Task<Pool::Lease> Pool::acquire(milliseconds deadline) {
  // The coroutine shares ownership: a pool that is destroyed meanwhile only refuses.
  const std::shared_ptr<Impl> impl = impl_;
  co_return co_await impl->acquire(deadline, true);
}

Task<Rows> Pool::query(std::string sql, std::vector<Value> parameters) {
  const std::shared_ptr<Impl> impl = impl_;
  HOWDAH_CO_TRY(const Lease lease, co_await impl->acquire(kQueryWait, !only_reads(sql)));
  co_return co_await lease->query(std::move(sql), std::move(parameters));
}

std::uint64_t Pool::writes() const {
  return impl_->writes_seen;
}

void Pool::close() {
  impl_->closed = true;
  impl_->size -= impl_->idle.size();
  impl_->idle.clear();
  for (Waiter* waiter : std::exchange(impl_->waiters, {})) waiter->woken.cancel();
}

Pool::Lease::Lease(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Pool::Lease::Lease(Lease&&) noexcept = default;
Pool::Lease& Pool::Lease::operator=(Lease&& other) noexcept {
  if (this != &other) {
    const Lease before = std::move(*this);
    impl_ = std::move(other.impl_);
  }
  return *this;
}
Pool::Lease::~Lease() {
  if (!impl_) return;
  if (impl_->writes) ++impl_->pool->writes_seen;
  impl_->pool->give_back(std::move(impl_->connection));
}
Connection& Pool::Lease::operator*() const {
  return impl_->connection;
}
Connection* Pool::Lease::operator->() const {
  return &impl_->connection;
}

}  // namespace howdah::pg
