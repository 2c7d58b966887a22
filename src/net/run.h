// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>
#include <utility>

#include "net/task.h"

namespace howdah::net {

// Runs the io_context until it has no more work, with task as its first; returns what task
// returned. For main functions and tests.
template <typename T>
Result<T> run(asio::io_context& io, Task<T> task) {
  std::optional<Result<T>> result;
  asio::co_spawn(io, std::move(task), [&result](std::exception_ptr exception, Result<T> value) {
    if (exception) std::rethrow_exception(exception);
    result = std::move(value);
  });
  io.run();
  if (!result) return fail(ErrorCode::cancelled, "the program was stopped before it finished");
  return std::move(*result);
}

}  // namespace howdah::net
