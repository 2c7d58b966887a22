// SPDX-License-Identifier: Apache-2.0
// What `howdah up` prints once everything serves: short, and worth saving at the first start.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/start/host_firewall.h"
#include "cli/start/layout.h"
#include "nodeapi/messages.h"

namespace howdah::cli {

struct Summary {
  Layout layout;
  bool first_start = false;
  std::string host;
  std::vector<std::string> open_addresses;  // empty: this machine only
  HostFirewall firewall;
  std::string api_url;
  std::uint16_t direct_port = 0;
  std::uint16_t pooled_port = 0;             // the direct one: the pooled port is off
  std::string recovery_key;                  // only at the first start
  std::optional<boost::json::value> sample;  // the API's answer for the sample database
  nodeapi::NodeStatus node;

  // To standard output; colours only on a terminal without NO_COLOR.
  void print() const;

 private:
  void print_open() const;
};

}  // namespace howdah::cli
