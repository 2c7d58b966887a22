// SPDX-License-Identifier: Apache-2.0
#include "control/databases/new_database.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/json.h"
#include "control/databases/database_fields.h"

namespace howdah::control {
namespace {

constexpr int kMajorMin = 13;
constexpr int kMajorMax = 18;

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

// Missing, or null, which is the same here; what is wrong with it is told by its reader.
void require(JsonReader& in, const json::value& body, std::string_view name) {
  if (!is_given(body, name)) in.reject(name, "is required");
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

}  // namespace

Result<NewDatabase> read_new_database(const json::value& body, const nodeapi::NodeStatus& node) {
  JsonReader in(body);
  NewDatabase wanted;
  wanted.friendly_name = read_friendly_name(in).value_or("");
  require(in, body, "friendlyName");
  wanted.owner_email = read_owner_email(in).value_or("");
  require(in, body, "ownerEmail");
  wanted.name = read_name(in);
  wanted.max_connections = read_max_connections(in).value_or(wanted.max_connections);
  wanted.pg_major = read_major(in);
  wanted.size_class = read_size_class(in).value_or("");
  wanted.suspend_after_s = read_suspend_after(in).value_or(wanted.suspend_after_s);
  wanted.storage_limit_bytes = read_storage_limit(in);
  wanted.settings = apply({}, read_settings(in));
  wanted.is_protected = in.optional_bool("protected").value_or(false);
  wanted.sample_data = in.optional_bool("sampleData").value_or(false);
  wanted.allowed_ips = read_allowed_addresses(in, "allowedIps");
  HOWDAH_CHECK(in.finish());
  HOWDAH_CHECK(check_version(wanted.pg_major, node));
  return wanted;
}

}  // namespace howdah::control
