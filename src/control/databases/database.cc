// SPDX-License-Identifier: Apache-2.0
#include "control/databases/database.h"

#include "base/json.h"
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
      {"storage_limit_bytes", database.storage_limit_bytes
                                  ? json::value(*database.storage_limit_bytes)
                                  : json::value(nullptr)},
      {"protected", database.is_protected},
      {"main_branch_id", database.main_branch.str()},
      {"updated_at", to_rfc3339(database.updated_at)},
      {"deleted_at", time_or_null(database.deleted_at)},
      {"purge_after", time_or_null(database.purge_after)},
  };
}

}  // namespace howdah::control
