// SPDX-License-Identifier: Apache-2.0
// Settings of PostgreSQL that the owner of a database may choose for its instance. A closed list
// with closed values: a wrong one would keep the instance from starting, and what the platform
// rests on (durability, sockets, who may log in) is not on it. No I/O.
#pragma once
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace howdah {

inline constexpr std::size_t kServerSettingsMax = 50;  // of one database

// The value as it is written into postgresql.conf. text: as a person would write it there, such as
// 64MB, 2min, on, 1.5. Errors: what is wrong, as the end of a sentence about the setting.
std::expected<std::string, std::string> check_server_setting(std::string_view name,
                                                             std::string_view text);

// For settings that came from somewhere else. Errors: invalid_request naming each wrong one.
Result<void> check_server_settings(const std::map<std::string, std::string>& settings);

}  // namespace howdah
