// SPDX-License-Identifier: Apache-2.0
// What a caller may ask for when making a database, with every default. No I/O.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "control/firewall/rule.h"
#include "nodeapi/messages.h"

namespace howdah::control {

struct NewDatabase {
  std::string friendly_name;
  std::string owner_email;
  std::int64_t max_connections = 20;
  std::optional<std::string> name;
  int pg_major = 0;        // 0: the node's default
  std::string size_class;  // empty: the node's default
  std::int64_t suspend_after_s = 300;
  std::optional<std::int64_t> storage_limit_bytes;
  bool sample_data = false;
  std::vector<AllowedAddress> allowed_ips;  // its first firewall rules
};

// A new database takes some 40 MB.
inline constexpr std::int64_t kStorageLimitMin = INT64_C(100) << 20;
inline constexpr std::int64_t kStorageLimitMax = (INT64_C(1) << 53) - 1;  // exact in every reader
inline constexpr std::int64_t kSuspendAfterMax_s = 30 * 24 * 3600;

// Errors: invalid_request naming every wrong, missing and unknown field at once; unsupported for a
// field whose behaviour does not exist yet, or a PostgreSQL version the node has not installed.
Result<NewDatabase> read_new_database(const boost::json::value& body,
                                      const nodeapi::NodeStatus& node);

}  // namespace howdah::control
