// SPDX-License-Identifier: Apache-2.0
#include "control/databases/database_change.h"

#include <utility>

namespace howdah::control {
namespace {

// null is a value of its own here, which a field that is not given is not.
template <typename T>
std::optional<std::optional<T>> or_cleared(const json::value& body, std::string_view name,
                                           std::optional<T> value) {
  if (value) return std::optional<std::optional<T>>(std::in_place, std::move(value));
  if (is_null(body, name)) return std::optional<std::optional<T>>(std::in_place, std::nullopt);
  return std::nullopt;
}

template <typename T>
json::value or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

json::object changeable(const Database& database) {
  return {{"friendly_name", database.friendly_name},
          {"owner_email", database.owner_email},
          {"name", or_null(database.name)},
          {"max_connections", database.max_connections},
          {"suspend_after_seconds", database.suspend_after_s},
          {"storage_limit_bytes", or_null(database.storage_limit_bytes)},
          {"size_class", database.size_class},
          {"settings", to_json(database.settings)},
          {"protected", database.is_protected}};
}

}  // namespace

Result<DatabaseChange> read_database_change(const json::value& body) {
  JsonReader in(body);
  DatabaseChange change;
  change.friendly_name = read_friendly_name(in);
  change.owner_email = read_owner_email(in);
  change.name = or_cleared(body, "name", read_name(in));
  change.max_connections = read_max_connections(in);
  change.suspend_after_s = read_suspend_after(in);
  change.storage_limit_bytes = or_cleared(body, "storageLimitBytes", read_storage_limit(in));
  change.size_class = read_size_class(in);
  change.settings = read_settings(in);
  change.clears_settings = is_null(body, "settings");
  change.is_protected = in.optional_bool("protected");
  for (const char* name : {"friendlyName", "ownerEmail", "maxConnections", "suspendAfterSeconds",
                           "sizeClass", "protected"}) {
    if (is_null(body, name)) in.reject(name, "must not be null; leave it out to keep it");
  }
  HOWDAH_CHECK(in.finish());
  return change;
}

Database changed(Database database, const DatabaseChange& change) {
  if (change.friendly_name) database.friendly_name = *change.friendly_name;
  if (change.owner_email) database.owner_email = *change.owner_email;
  if (change.name) database.name = *change.name;
  if (change.max_connections) database.max_connections = *change.max_connections;
  if (change.suspend_after_s) database.suspend_after_s = *change.suspend_after_s;
  if (change.storage_limit_bytes) database.storage_limit_bytes = *change.storage_limit_bytes;
  if (change.size_class) database.size_class = *change.size_class;
  if (change.clears_settings) database.settings.clear();
  database.settings = apply(std::move(database.settings), change.settings);
  if (change.is_protected) database.is_protected = *change.is_protected;
  return database;
}

json::object differences(const Database& was, const Database& is) {
  json::object details;
  const json::object before = changeable(was);
  for (const auto& field : changeable(is)) {
    const json::value& old = before.at(field.key());
    if (old != field.value()) details[field.key()] = {{"from", old}, {"to", field.value()}};
  }
  return details;
}

std::vector<std::string> applied_at_next_start(const json::object& differences) {
  std::vector<std::string> names;
  for (const char* name : {"size_class", "settings"}) {
    if (differences.contains(name)) names.emplace_back(name);
  }
  // The gates keep to a smaller limit at once; a larger one may be more than the server has.
  const json::value* connections = differences.if_contains("max_connections");
  if (connections != nullptr &&
      connections->at("to").as_int64() > connections->at("from").as_int64()) {
    names.emplace_back("max_connections");
  }
  return names;
}

}  // namespace howdah::control
