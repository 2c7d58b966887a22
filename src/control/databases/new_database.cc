// SPDX-License-Identifier: Apache-2.0
#include "control/databases/new_database.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "base/json.h"
#include "model/names.h"

namespace howdah::control {
namespace {

constexpr std::array<std::string_view, 5> kSizeClasses{"nano", "small", "medium", "large",
                                                       "custom"};
// Of the contract, but later: taking them without doing what they say would be a lie.
constexpr std::array<std::string_view, 2> kLater{"settings", "protected"};
constexpr int kMajorMin = 13;
constexpr int kMajorMax = 18;

bool is_printable(std::string_view text) {
  return std::ranges::none_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

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

// 15 or "15"; 0: not given, or wrong and reported.
int read_major(JsonReader& in) {
  const json::value* value = in.optional_value("pgVersion");
  if (value == nullptr) return 0;
  int major = 0;
  if (value->is_int64() && value->get_int64() >= 0 && value->get_int64() <= 1'000'000) {
    major = static_cast<int>(value->get_int64());
  } else if (value->is_string()) {
    const std::string_view text = value->get_string();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), major);
    if (error != std::errc{} || end != text.data() + text.size()) major = 0;
  }
  if (major < kMajorMin || major > kMajorMax) {
    in.reject("pgVersion",
              fmt::format("must be a major version from {} to {}", kMajorMin, kMajorMax));
    return 0;
  }
  return major;
}

std::string read_size_class(JsonReader& in) {
  const auto size = in.optional_string("sizeClass", 1, 40);
  if (size && std::ranges::find(kSizeClasses, *size) == kSizeClasses.end()) {
    in.reject("sizeClass", fmt::format("must be one of {}", fmt::join(kSizeClasses, ", ")));
  }
  return size.value_or("");
}

void read_identity(JsonReader& in, NewDatabase& wanted) {
  wanted.friendly_name = in.required_string("friendlyName", 1, 200);
  if (!wanted.friendly_name.empty() && is_blank(wanted.friendly_name)) {
    in.reject("friendlyName", "must not be blank");
  }
  if (!is_printable(wanted.friendly_name)) {
    in.reject("friendlyName", "must not have control characters");
  }
  wanted.owner_email = in.required_string("ownerEmail", 3, 320);
  if (!wanted.owner_email.empty() && !is_email(wanted.owner_email)) {
    in.reject("ownerEmail", "must be an e-mail address");
  }
  wanted.name = in.optional_string("name", 1, 63);
  if (wanted.name && !is_name(*wanted.name)) {
    in.reject("name", "must have lower-case letters, digits and single dashes between them");
  }
}

Result<void> check_version(int major, const nodeapi::NodeStatus& node) {
  if (major == 0) return {};
  std::vector<int> installed;
  for (const auto& one : node.postgres) installed.push_back(one.major);
  if (std::ranges::find(installed, major) != installed.end()) return {};
  Error error{ErrorCode::unsupported,
              fmt::format("PostgreSQL {} is not installed on the node", major),
              fmt::format("installed: {}", fmt::join(installed, ", ")),
              {},
              {{"/pgVersion", "is not installed on the node"}},
              {}};
  return std::unexpected(std::move(error));
}

Result<void> refuse_later(const std::vector<std::string>& fields) {
  if (fields.empty()) return {};
  Error error{ErrorCode::unsupported,
              fmt::format("not supported yet: {}", fmt::join(fields, ", ")),
              "leave it out",
              {},
              {},
              {}};
  for (const std::string& field : fields) {
    error.fields.push_back({"/" + field, "is not supported yet"});
  }
  return std::unexpected(std::move(error));
}

}  // namespace

Result<NewDatabase> read_new_database(const json::value& body, const nodeapi::NodeStatus& node) {
  JsonReader in(body);
  NewDatabase wanted;
  read_identity(in, wanted);
  wanted.max_connections = in.optional_integer("maxConnections", 1, 500).value_or(20);
  wanted.pg_major = read_major(in);
  wanted.size_class = read_size_class(in);
  wanted.suspend_after_s =
      in.optional_integer("suspendAfterSeconds", 0, kSuspendAfterMax_s).value_or(300);
  wanted.storage_limit_bytes =
      in.optional_integer("storageLimitBytes", kStorageLimitMin, kStorageLimitMax);
  wanted.sample_data = in.optional_bool("sampleData").value_or(false);
  wanted.allowed_ips = read_allowed_addresses(in, "allowedIps");
  std::vector<std::string> later;
  for (const std::string_view field : kLater) {
    if (in.optional_value(field) != nullptr) later.emplace_back(field);
  }
  HOWDAH_CHECK(in.finish());
  if (wanted.size_class == "custom") later.emplace_back("sizeClass");
  HOWDAH_CHECK(refuse_later(later));
  HOWDAH_CHECK(check_version(wanted.pg_major, node));
  return wanted;
}

}  // namespace howdah::control
