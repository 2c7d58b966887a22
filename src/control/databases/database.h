// SPDX-License-Identifier: Apache-2.0
// A database as the catalog and the API know it. Values only; no I/O.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/id.h"
#include "control/nodes/node_watcher.h"

namespace howdah::control {

using nodeapi::ServerSettings;

struct Database {
  DatabaseId id;
  std::string slug;  // empty while it is being made
  std::optional<std::string> name;
  std::string friendly_name;
  std::string owner_email;
  std::string status;  // desired: creating active paused failed deleted
  std::string status_reason;
  std::int64_t max_connections = 20;
  std::int64_t suspend_after_s = 300;
  int pg_major = 0;  // 0: not known yet
  std::string size_class;
  std::optional<std::int64_t> storage_limit_bytes;  // empty: none of its own
  ServerSettings settings;
  bool is_protected = false;
  std::int64_t version = 1;  // the revision of its ETag
  Timestamp created_at;
  Timestamp updated_at;
  std::optional<Timestamp> paused_at;
  std::optional<Timestamp> deleted_at;
  std::optional<Timestamp> purge_after;
  BranchId main_branch;
  InstanceId main_instance;  // empty while it is being made
};

// The status with what the node knows: an active database whose instance is stopped is suspended,
// one whose instance failed or is missing has failed.
struct ShownStatus {
  std::string status;
  std::string reason;
};
ShownStatus shown_status(const Database& database, const NodeWatcher& nodes);

// Without secrets and URLs.
boost::json::object to_json(const Database& database, const NodeWatcher& nodes);
boost::json::object to_json(const ServerSettings& settings);
ServerSettings settings_from_text(const std::string& text);  // of the catalog's column

// Errors: database_deleted, saying until when it can be brought back.
Result<void> check_not_deleted(const Database& database);

}  // namespace howdah::control
