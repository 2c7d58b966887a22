// SPDX-License-Identifier: Apache-2.0
#include "control/databases/database_fields.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "model/names.h"
#include "model/server_settings.h"

namespace howdah::control {
namespace {

constexpr std::array<std::string_view, 5> kSizeClasses{"nano", "small", "medium", "large",
                                                       "custom"};
// The smallest data directory has 41 MB; the largest is exact in every JSON reader.
// A new database takes some 40 MB.
constexpr std::int64_t kStorageLimitMin = INT64_C(100) << 20;
constexpr std::int64_t kStorageLimitMax = (INT64_C(1) << 53) - 1;  // exact in every reader

bool is_blank(std::string_view text) {
  return text.find_first_not_of(' ') == std::string_view::npos;
}

// Dashes only between letters and digits, as in a branch slug, but as long as a host label.
bool is_name(std::string_view text) {
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (text.empty() || !is_plain(text.front()) || !is_plain(text.back())) return false;
  if (text.find("--") != std::string_view::npos) return false;
  return std::ranges::all_of(text, [&](char c) { return c == '-' || is_plain(c); });
}

const json::value* find_field(const json::value& body, std::string_view name) {
  const json::object* object = body.if_object();
  if (object == nullptr) return nullptr;
  const json::value* value = object->if_contains(name);
  return value != nullptr ? value : object->if_contains(to_snake_case(name));
}

// As a person would write it in postgresql.conf; empty: of no kind that can be a setting.
std::optional<std::string> text_of(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "on" : "off";
  if (value.is_int64()) return fmt::format("{}", value.get_int64());
  if (value.is_double()) return fmt::format("{}", value.get_double());
  return std::nullopt;
}

}  // namespace

bool is_printable(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

bool is_given(const json::value& body, std::string_view name) {
  const json::value* value = find_field(body, name);
  return value != nullptr && !value->is_null();
}

bool is_null(const json::value& body, std::string_view name) {
  const json::value* value = find_field(body, name);
  return value != nullptr && value->is_null();
}

std::optional<std::string> read_friendly_name(JsonReader& in) {
  auto name = in.optional_string("friendlyName", 1, 200);
  if (name && is_blank(*name)) in.reject("friendlyName", "must not be blank");
  if (name && !is_printable(*name)) in.reject("friendlyName", "must not have control characters");
  return name;
}

std::optional<std::string> read_owner_email(JsonReader& in) {
  auto email = in.optional_string("ownerEmail", 3, 320);
  if (email && !is_email(*email)) in.reject("ownerEmail", "must be an e-mail address");
  return email;
}

std::optional<std::string> read_name(JsonReader& in) {
  auto name = in.optional_string("name", 1, 63);
  if (name && !is_name(*name)) {
    in.reject("name", "must have lower-case letters, digits and single dashes between them");
  }
  return name;
}

std::optional<std::int64_t> read_max_connections(JsonReader& in) {
  return in.optional_integer("maxConnections", 1, 500);
}

std::optional<std::int64_t> read_suspend_after(JsonReader& in) {
  return in.optional_integer("suspendAfterSeconds", 0, kSuspendAfterMax_s);
}

std::optional<std::int64_t> read_storage_limit(JsonReader& in) {
  return in.optional_integer("storageLimitBytes", kStorageLimitMin, kStorageLimitMax);
}

std::optional<std::string> read_size_class(JsonReader& in) {
  auto size = in.optional_string("sizeClass", 1, 40);
  if (size && std::ranges::find(kSizeClasses, *size) == kSizeClasses.end()) {
    in.reject("sizeClass", fmt::format("must be one of {}", fmt::join(kSizeClasses, ", ")));
  }
  return size;
}

SettingsChange read_settings(JsonReader& in) {
  SettingsChange change;
  const json::value* value = in.optional_value("settings");
  if (value == nullptr) return change;
  const json::object* object = value->if_object();
  if (object == nullptr || object->size() > kServerSettingsMax) {
    in.reject("settings", fmt::format("must be an object of at most {} settings of PostgreSQL",
                                      kServerSettingsMax));
    return change;
  }
  for (const auto& field : *object) {
    const std::string name(field.key());
    const std::string place = "settings/" + name;
    if (field.value().is_null()) {
      change[name] = std::nullopt;
      continue;
    }
    const auto text = text_of(field.value());
    const auto checked = check_server_setting(name, text.value_or(""));
    if (!checked) {
      in.reject(place, checked.error());
    } else {
      change[name] = *checked;
    }
  }
  return change;
}

nodeapi::ServerSettings apply(nodeapi::ServerSettings settings, const SettingsChange& change) {
  for (const auto& [name, value] : change) {
    if (value) {
      settings[name] = *value;
    } else {
      settings.erase(name);
    }
  }
  return settings;
}

}  // namespace howdah::control
