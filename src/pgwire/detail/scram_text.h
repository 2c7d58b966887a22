// SPDX-License-Identifier: Apache-2.0
// The text of SCRAM messages: attributes "x=value" with commas between them (RFC 5802 section 7).
#pragma once
#include <optional>
#include <string_view>

#include "base/error.h"

namespace howdah::pgwire::detail {

// Takes attributes off the front of a message.
class AttributeReader {
 public:
  explicit AttributeReader(std::string_view message) : rest_(message) {}

  bool at_end() const { return done_; }
  // The value of the next attribute when it has this name; else nothing is taken.
  std::optional<std::string_view> take(char name);
  // All that is left are well-formed attributes, which are ignored, or nothing is left.
  bool skip_extensions();

 private:
  std::string_view rest_;
  bool done_ = false;
};

// Printable ASCII without comma.
bool is_nonce(std::string_view text);
// Errors: protocol_violation for a message over kScramMessageBytesMax or with a NUL in it.
Result<void> check_message(std::string_view message);

}  // namespace howdah::pgwire::detail
