// SPDX-License-Identifier: Apache-2.0
#include "node/manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/json.h"
#include "crypto/random.h"
#include "model/names.h"
#include "nodeapi/messages.h"

namespace howdah::node {
namespace {

constexpr std::int64_t kIntegerMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kUidMax = std::numeric_limits<uid_t>::max() - 1;

// Written as text: 64 bits do not fit into the numbers of many JSON readers.
std::uint64_t read_identifier(JsonReader& in) {
  const std::string text = in.required_string("systemIdentifier", 1, 20);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!text.empty() && (error != std::errc() || end != text.data() + text.size())) {
    in.reject("systemIdentifier", "must be a whole number below 2^64, written as text");
  }
  return value;
}

// Missing in manifests of older versions.
std::map<std::string, std::string> read_settings(JsonReader& in) {
  std::map<std::string, std::string> settings;
  const json::value* value = in.optional_value("settings");
  if (value == nullptr) return settings;
  if (!value->is_object()) {
    in.reject("settings", "must be an object of texts");
    return settings;
  }
  for (const auto& field : value->get_object()) {
    if (!field.value().is_string()) {
      in.reject("settings", "must be an object of texts");
      break;
    }
    settings.emplace(field.key(), field.value().get_string());
  }
  return settings;
}

constexpr std::size_t kRolesMax = 1'000;

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

std::optional<Timestamp> read_time(JsonReader& in, std::string_view name) {
  const auto text = in.optional_string(name, 1, 40);
  const auto time = text ? parse_rfc3339(*text) : std::nullopt;
  if (text && !time) in.reject(name, "is no time");
  return time;
}

json::array roles_to_json(const std::vector<ManifestRole>& roles) {
  json::array array;
  for (const ManifestRole& role : roles) {
    array.push_back({{"name", role.name},
                     {"password", role.password},
                     {"inside", role.inside},
                     {"can_login", role.can_login},
                     {"valid_until", time_or_null(role.valid_until)},
                     {"changed_at", time_or_null(role.changed_at)}});
  }
  return array;
}

Result<ManifestRole> role_from_json(const json::value& value) {
  JsonReader in(value);
  ManifestRole role;
  role.name = in.required_string("name", 1, 63);
  role.password = in.optional_string("password", 0, 1024).value_or("");
  role.inside = in.optional_string("inside", 0, 1024).value_or("");
  role.can_login = in.optional_bool("canLogin").value_or(true);
  role.valid_until = read_time(in, "validUntil");
  role.changed_at = read_time(in, "changedAt");
  HOWDAH_CHECK(in.finish());
  return role;
}

Result<std::vector<ManifestRole>> read_roles(JsonReader& in) {
  std::vector<ManifestRole> roles;
  const json::value* value = in.optional_value("roles");
  const json::array* array = value != nullptr ? value->if_array() : nullptr;
  if (value != nullptr && (array == nullptr || array->size() > kRolesMax)) {
    in.reject("roles", "must be a list of at most 1000 roles");
  }
  if (array == nullptr) return roles;
  for (const json::value& element : *array) {
    HOWDAH_TRY(ManifestRole role, role_from_json(element));
    roles.push_back(std::move(role));
  }
  return roles;
}

}  // namespace

bool Manifest::has_pending_roles() const {
  return std::ranges::any_of(roles, &ManifestRole::is_pending);
}

std::string to_json_text(const Manifest& manifest) {
  json::object settings;
  for (const auto& [name, value] : manifest.settings) settings[name] = value;
  const json::value content{{"format", kManifestFormat},
                            {"id", manifest.id.str()},
                            {"slug", manifest.slug},
                            {"token", manifest.token},
                            {"pg_major", manifest.pg_major},
                            {"template_format", manifest.template_format},
                            {"hardening", manifest.hardening},
                            {"uid", manifest.uid},
                            {"size_class", instance::to_string(manifest.size_class)},
                            {"suspend_after_s", manifest.suspend_after_s},
                            {"max_connections", manifest.max_connections},
                            {"storage_limit_bytes", manifest.storage_limit_bytes},
                            {"settings", std::move(settings)},
                            {"paused", manifest.paused},
                            {"system_identifier", std::to_string(manifest.system_identifier)},
                            {"created_at", to_rfc3339(manifest.created_at)},
                            {"owner_durable", manifest.owner_durable},
                            {"roles", roles_to_json(manifest.roles)},
                            {"mark", manifest.mark},
                            {"mark_before", manifest.mark_before}};
  return json::serialize(content) + "\n";
}

Result<Manifest> manifest_from_json(std::string_view text) {
  HOWDAH_TRY(const json::value value, parse_json(text));
  JsonReader in(value);
  const auto format = in.optional_integer("format", 1, kIntegerMax);
  if (format && *format > kManifestFormat) {
    return fail(ErrorCode::data_folder_unusable,
                fmt::format("an instance was made by a newer Howdah (format {}, this one knows {})",
                            *format, kManifestFormat),
                "use that newer version");
  }
  Manifest manifest;
  manifest.id = InstanceId(in.required_string("id", 1, 40));
  if (!nodeapi::is_instance_id(manifest.id.str())) in.reject("id", "is no instance id");
  manifest.slug = in.required_string("slug", kSlugSize, kSlugSize);
  if (!is_slug(manifest.slug)) in.reject("slug", "is no slug");
  manifest.token = in.optional_string("token", 0, 80).value_or("");
  manifest.pg_major = static_cast<int>(in.optional_integer("pgMajor", 1, 1000).value_or(0));
  if (manifest.pg_major == 0) in.reject("pgMajor", "is required");
  manifest.template_format =
      static_cast<int>(in.optional_integer("templateFormat", 0, 1'000'000).value_or(0));
  manifest.hardening = in.optional_string("hardening", 0, 80).value_or("");
  manifest.uid = static_cast<uid_t>(in.optional_integer("uid", 0, kUidMax).value_or(kUidMax));
  const auto size_class = instance::parse_size_class(in.required_string("sizeClass", 1, 40));
  if (size_class) manifest.size_class = *size_class;
  if (!size_class) in.reject("sizeClass", "is no size class");
  manifest.suspend_after_s = in.optional_integer("suspendAfterS", 0, kIntegerMax).value_or(300);
  manifest.max_connections = in.optional_integer("maxConnections", 1, 100'000).value_or(20);
  manifest.storage_limit_bytes =
      in.optional_integer("storageLimitBytes", 0, kIntegerMax).value_or(0);
  manifest.settings = read_settings(in);
  manifest.paused = in.optional_bool("paused").value_or(false);
  manifest.system_identifier = read_identifier(in);
  const auto created_at = parse_rfc3339(in.required_string("createdAt", 1, 40));
  if (!created_at) in.reject("createdAt", "is no time");
  manifest.created_at = created_at.value_or(Timestamp{});
  manifest.owner_durable = in.optional_bool("ownerDurable").value_or(false);
  HOWDAH_TRY(manifest.roles, read_roles(in));
  manifest.mark = in.optional_string("mark", 0, 80).value_or("");
  manifest.mark_before = in.optional_string("markBefore", 0, 80).value_or("");
  // Of an agent that kept nothing but the owner's verifier, and only until it was stored.
  const std::string pending = in.optional_string("pendingVerifier", 0, 1024).value_or("");
  if (!manifest.token.empty() && manifest.roles.empty()) {
    manifest.roles.push_back({owner_role(manifest.slug), pending, {}});
  }
  HOWDAH_CHECK(in.finish());
  return manifest;
}

Result<void> write_manifest(const os::Path& directory, const Manifest& manifest) {
  return os::write_file_atomic(directory / "instance.json", to_json_text(manifest), 0600);
}

Result<Manifest> read_manifest(const os::Path& directory) {
  HOWDAH_TRY(const std::string text, os::read_file(directory / "instance.json", 64_KiB));
  return manifest_from_json(text);
}

InstanceId make_instance_id() {
  return InstanceId("i-" + crypto::random_text(kSlugAlphabet, 12));
}

std::string make_slug() {
  return crypto::random_text(kSlugAlphabet, kSlugSize);
}

}  // namespace howdah::node
