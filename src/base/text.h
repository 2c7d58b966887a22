// SPDX-License-Identifier: Apache-2.0
// Text from outside, made fit to be shown. Pure; any thread.
#pragma once
#include <string>
#include <string_view>

namespace howdah {

// Valid UTF-8: U+FFFD for each byte that does not fit, a space for control characters other than
// line break and tab. Source: Unicode 15, table 3-7.
std::string printable_utf8(std::string_view text);

}  // namespace howdah
