// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <system_error>

namespace howdah {

Error Error::within(std::string_view context) && {
  Error outer;
  outer.code = code;
  outer.hint = hint;
  outer.fields = fields;
  outer.message = std::string(context) + ": " + message;
  outer.detail = detail;
  outer.cause = cause;
  return outer;
}

std::string Error::to_log() const {
  std::string text = std::string(info_of(code).name) + ": " + message;
  if (!detail.empty()) text += " (" + detail + ")";
  for (const FieldError& field : fields) text += "; " + field.pointer + " " + field.detail;
  if (cause) text += " <- " + cause->to_log();
  return text;
}

std::unexpected<Error> fail_errno(std::string_view what, int error_number) {
  ErrorCode code = ErrorCode::io_error;
  if (error_number == ENOSPC || error_number == EDQUOT) code = ErrorCode::volume_full;
  if (error_number == ENOENT) code = ErrorCode::not_found;
  return fail(code, std::string(what) + ": " + std::generic_category().message(error_number));
}

}  // namespace howdah
