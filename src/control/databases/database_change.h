// SPDX-License-Identifier: Apache-2.0
// What a PATCH of a database may change. Values only; no I/O.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "control/databases/database.h"
#include "control/databases/database_fields.h"

namespace howdah::control {

// An empty field stays as it is. The optional of an optional: null takes it away.
struct DatabaseChange {
  std::optional<std::string> friendly_name;
  std::optional<std::string> owner_email;
  std::optional<std::optional<std::string>> name;
  std::optional<std::int64_t> max_connections;
  std::optional<std::int64_t> suspend_after_s;
  std::optional<std::optional<std::int64_t>> storage_limit_bytes;
  std::optional<std::string> size_class;
  SettingsChange settings;       // each by itself
  bool clears_settings = false;  // null: all of them go
  std::optional<bool> is_protected;
};

// Errors: invalid_request naming every wrong and unknown field, and null where it means nothing.
Result<DatabaseChange> read_database_change(const boost::json::value& body);

Database changed(Database database, const DatabaseChange& change);

// {"max_connections":{"from":20,"to":50}} for each field that differs.
boost::json::object differences(const Database& was, const Database& is);

// Fields among `differences` that a running instance takes over at its next start.
std::vector<std::string> applied_at_next_start(const boost::json::object& differences);

}  // namespace howdah::control
