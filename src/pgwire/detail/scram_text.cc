// SPDX-License-Identifier: Apache-2.0
#include "pgwire/detail/scram_text.h"

#include <algorithm>

#include "pgwire/scram.h"

namespace howdah::pgwire::detail {

std::optional<std::string_view> AttributeReader::take(char name) {
  if (done_ || rest_.size() < 2 || rest_[0] != name || rest_[1] != '=') return std::nullopt;
  const std::size_t comma = rest_.find(',');
  const std::string_view value = rest_.substr(2, comma == rest_.npos ? comma : comma - 2);
  if (comma == std::string_view::npos) {
    done_ = true;
  } else {
    rest_.remove_prefix(comma + 1);
  }
  return value;
}

bool AttributeReader::skip_extensions() {
  while (!done_) {
    const char name = rest_.empty() ? '\0' : rest_.front();
    const bool letter = (name >= 'a' && name <= 'z') || (name >= 'A' && name <= 'Z');
    if (!letter || !take(name)) return false;
  }
  return true;
}

bool is_nonce(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7E && c != ','; });
}

Result<void> check_message(std::string_view message) {
  if (message.size() > kScramMessageBytesMax) {
    return fail(ErrorCode::protocol_violation, "malformed SCRAM message: it is too long");
  }
  if (message.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::protocol_violation, "malformed SCRAM message: it contains a NUL byte");
  }
  return {};
}

}  // namespace howdah::pgwire::detail
