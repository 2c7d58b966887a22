// SPDX-License-Identifier: Apache-2.0
// Errors as values. Every fallible function returns Result<T>; exceptions come only from third
// parties and are stopped at three seams (task spawn, HTTP handler, job runner).
#pragma once
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error_codes.h"

namespace howdah {

// One wrong field of an input. pointer: JSON pointer ("/maxConnections") or parameter name.
struct FieldError {
  std::string pointer;
  std::string detail;
};

// message is public: it reaches API clients and the gate's clients, so it holds no secret and no
// path of another tenant. detail goes to the log only. hint says what the person can do.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::string hint;
  std::string detail;
  std::vector<FieldError> fields;
  std::shared_ptr<const Error> cause;

  // Wraps this error as the cause of a wider one; the code and hint stay, context is a verb phrase
  // such as "start instance".
  Error within(std::string_view context) &&;
  // All of it on one line, for the log: message, detail and every cause.
  std::string to_log() const;
};

template <typename T>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {},
                                   std::string detail = {}) {
  return std::unexpected(
      Error{code, std::move(message), std::move(hint), std::move(detail), {}, {}});
}

// From errno at the moment of the call. what: verb phrase and object ("open /x/y").
// Maps ENOSPC and EDQUOT to volume_full, ENOENT to not_found, else io_error.
std::unexpected<Error> fail_errno(std::string_view what, int error_number);

}  // namespace howdah

#define HOWDAH_CONCAT_(a, b) a##b
#define HOWDAH_CONCAT(a, b) HOWDAH_CONCAT_(a, b)

// HOWDAH_TRY(auto file, open(path)): declares file, or returns the error.
#define HOWDAH_TRY_IMPL(temporary, declaration, expression, ret)     \
  auto temporary = (expression);                                     \
  if (!temporary) ret std::unexpected(std::move(temporary).error()); \
  declaration = std::move(*temporary)
#define HOWDAH_TRY(declaration, expression) \
  HOWDAH_TRY_IMPL(HOWDAH_CONCAT(try_, __LINE__), declaration, expression, return)
#define HOWDAH_CO_TRY(declaration, expression) \
  HOWDAH_TRY_IMPL(HOWDAH_CONCAT(try_, __LINE__), declaration, expression, co_return)

// HOWDAH_CHECK(write(...)): for Result<void>, or where the value is not wanted.
#define HOWDAH_CHECK_IMPL(temporary, expression, ret) \
  if (auto temporary = (expression); !temporary) ret std::unexpected(std::move(temporary).error())
#define HOWDAH_CHECK(expression) \
  HOWDAH_CHECK_IMPL(HOWDAH_CONCAT(check_, __LINE__), expression, return)
#define HOWDAH_CO_CHECK(expression) \
  HOWDAH_CHECK_IMPL(HOWDAH_CONCAT(check_, __LINE__), expression, co_return)
