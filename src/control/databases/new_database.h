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
  nodeapi::ServerSettings settings;
  bool is_protected = false;
  bool sample_data = false;
  std::vector<AllowedAddress> allowed_ips;  // its first firewall rules
};

// Errors: invalid_request naming every wrong, missing and unknown field at once; unsupported for a
// PostgreSQL version the node has not installed.
Result<NewDatabase> read_new_database(const boost::json::value& body,
                                      const nodeapi::NodeStatus& node);

}  // namespace howdah::control
