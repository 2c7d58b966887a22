// SPDX-License-Identifier: Apache-2.0
// The fields of a database that POST and PATCH read alike: limits and words are the same in both.
// Each returns empty for a field that is missing, null or wrong; wrong ones are told by
// JsonReader::finish(). No I/O.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "nodeapi/messages.h"

namespace howdah::control {

inline constexpr std::int64_t kSuspendAfterMax_s = 30 * 24 * 3600;

std::optional<std::string> read_friendly_name(JsonReader& in);
std::optional<std::string> read_owner_email(JsonReader& in);
std::optional<std::string> read_name(JsonReader& in);
std::optional<std::int64_t> read_max_connections(JsonReader& in);
std::optional<std::int64_t> read_suspend_after(JsonReader& in);
std::optional<std::int64_t> read_storage_limit(JsonReader& in);
std::optional<std::string> read_size_class(JsonReader& in);

// Settings of PostgreSQL by name; empty: this one shall go back to its default. Values may be
// texts, numbers, true and false.
using SettingsChange = std::map<std::string, std::optional<std::string>>;
SettingsChange read_settings(JsonReader& in);
nodeapi::ServerSettings apply(nodeapi::ServerSettings settings, const SettingsChange& change);

// Whether the body has the field at all, in either spelling, and not as null.
bool is_given(const json::value& body, std::string_view name);
// Whether the body has it as null.
bool is_null(const json::value& body, std::string_view name);

// A text for people, in one line: no control character.
bool is_printable(std::string_view text);

}  // namespace howdah::control
