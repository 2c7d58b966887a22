// SPDX-License-Identifier: Apache-2.0
// The templates that new instances are clones of, made where missing: at the first start for the
// default major version, else when a claim first asks for one. Owner: NodeService; one thread.
#pragma once
#include <string>
#include <variant>

#include "node/environment.h"
#include "node/single_flight.h"

namespace howdah::node {

class Templates {
 public:
  Templates(asio::any_io_executor executor, Environment& environment, net::TaskGroup& tasks)
      : environment_(environment), flights_(std::move(executor), tasks) {}

  // The path of its data directory in the volume. Errors: no_postgres, instance_failed (initdb),
  // volume_full. Cost: about a second when it is missing, else nothing.
  Task<std::string> ensure(int pg_major);

 private:
  Task<std::string> prepare(int pg_major);

  Environment& environment_;
  SingleFlight<int, std::string> flights_;
  std::map<int, std::string> ready_;
};

}  // namespace howdah::node
