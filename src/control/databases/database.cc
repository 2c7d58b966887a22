// SPDX-License-Identifier: Apache-2.0
#include "control/databases/database.h"

#include "base/json.h"
#include "base/units.h"
#include "model/names.h"

namespace howdah::control {
namespace {

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

}  // namespace

ShownStatus shown_status(const Database& database, const NodeWatcher& nodes) {
  if (database.status != "active") return {database.status, database.status_reason};
  const auto state = nodes.state(database.main_instance);
  if (!state) return {"failed", "the node has no instance of this database"};
  switch (*state) {
    case nodeapi::InstanceState::stopped:
      return {"suspended", nodes.reason(database.main_instance)};
    case nodeapi::InstanceState::failed:
      return {"failed", nodes.reason(database.main_instance)};
    case nodeapi::InstanceState::starting:
    case nodeapi::InstanceState::running:
    case nodeapi::InstanceState::stopping:
      break;
  }
  return {"active", {}};
}

json::object to_json(const Database& database, const NodeWatcher& nodes) {
  const ShownStatus shown = shown_status(database, nodes);
  const bool named = !database.slug.empty();
  const auto& limit = database.storage_limit_bytes;
  return {
      {"id", database.id.str()},
      {"database_name", text_or_null(named ? tenant_database(database.slug) : "")},
      {"username", text_or_null(named ? owner_role(database.slug) : "")},
      {"owner_email", database.owner_email},
      {"friendly_name", database.friendly_name},
      {"max_connections", database.max_connections},
      {"status", shown.status},
      {"created_at", to_rfc3339(database.created_at)},
      {"name", text_or_null(database.name.value_or(""))},
      {"status_reason", text_or_null(shown.reason)},
      {"pg_version",
       database.pg_major == 0 ? json::value(nullptr) : json::value(database.pg_major)},
      {"size_class", text_or_null(database.size_class)},
      {"suspend_after_seconds", database.suspend_after_s},
      {"storage_limit_bytes", limit ? json::value(*limit) : json::value(nullptr)},
      {"storage_limit_bytes_pretty",
       limit ? json::value(to_pretty(static_cast<ByteCount>(*limit))) : json::value(nullptr)},
      {"settings", to_json(database.settings)},
      {"protected", database.is_protected},
      {"main_branch_id", database.main_branch.str()},
      {"updated_at", to_rfc3339(database.updated_at)},
      {"paused_at", time_or_null(database.paused_at)},
      {"deleted_at", time_or_null(database.deleted_at)},
      {"purge_after", time_or_null(database.purge_after)},
  };
}

json::object to_json(const ServerSettings& settings) {
  json::object object;
  for (const auto& [name, value] : settings) object[name] = value;
  return object;
}

ServerSettings settings_from_text(const std::string& text) {
  ServerSettings settings;
  const auto value = parse_json(text);
  if (!value || !value->is_object()) return settings;
  for (const auto& field : value->get_object()) {
    if (field.value().is_string()) settings.emplace(field.key(), field.value().get_string());
  }
  return settings;
}

Result<void> check_not_deleted(const Database& database) {
  if (database.status != "deleted") return {};
  return fail(ErrorCode::database_deleted, "the database was deleted",
              "its data is kept until " + to_rfc3339(database.purge_after.value_or(Timestamp{})) +
                  "; bring it back with POST /api/databases/" + database.id.str() + "/undelete");
}

}  // namespace howdah::control
