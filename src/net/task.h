// SPDX-License-Identifier: Apache-2.0
// The coroutine vocabulary of every daemon: one io_context on one thread, coroutines on it,
// blocking work on a small pool beside it.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace howdah {

namespace asio = boost::asio;
using boost::system::error_code;
using std::chrono::milliseconds;

template <typename T>
using Task = asio::awaitable<Result<T>>;

// The completion token of this code base: errors come back as a value, never as an exception.
//   auto [error, size] = co_await socket.async_read_some(buffer, net::kToken);
namespace net {

inline constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

// An Asio error as ours. what: verb phrase and object. operation_aborted becomes cancelled.
inline std::unexpected<Error> fail_net(std::string_view what, const error_code& error) {
  return fail(error == asio::error::operation_aborted ? ErrorCode::cancelled : ErrorCode::io_error,
              std::string(what) + ": " + error.message());
}

inline asio::awaitable<void> sleep_for(milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(duration);
  co_await timer.async_wait(kToken);
}

// Runs task; after limit it is cancelled, awaited to its end, and the result is ErrorCode::timeout.
// what: verb phrase for the message, such as "start instance k3v9x2ab".
template <typename T>
Task<T> with_deadline(Task<T> task, milliseconds limit, std::string what) {
  using namespace asio::experimental::awaitable_operators;
  auto outcome = co_await (std::move(task) || sleep_for(limit));
  if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
  co_return fail(ErrorCode::timeout,
                 what + ": no result within " + std::to_string(limit.count()) + " ms");
}

// Runs a blocking function on the pool and resumes here with what it returned. The function is not
// interrupted by cancellation: it must be bounded by itself.
template <typename Function>
asio::awaitable<std::invoke_result_t<Function>> offload(asio::thread_pool& pool,
                                                        Function function) {
  using Value = std::invoke_result_t<Function>;
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Value)>(
      [&pool](auto handler, Function work) {
        auto executor = asio::prefer(asio::get_associated_executor(handler),
                                     asio::execution::outstanding_work.tracked);
        asio::post(pool, [executor = std::move(executor), handler = std::move(handler),
                          work = std::move(work)]() mutable {
          Value value = work();
          asio::post(executor, [handler = std::move(handler), value = std::move(value)]() mutable {
            handler(std::move(value));
          });
        });
      },
      asio::use_awaitable, std::move(function));
}

}  // namespace net
}  // namespace howdah
