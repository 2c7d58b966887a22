// SPDX-License-Identifier: Apache-2.0
// Starts the three daemons of one data folder, restarts one that dies, and stops them in order.
// One thread: that of its executor.
#pragma once
#include <boost/json.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/start/layout.h"
#include "net/task.h"
#include "net/task_group.h"
#include "os/process.h"

namespace howdah::cli {

struct DaemonPlan {
  std::string name;                    // "howdah-node": program beside this one, and its log's name
  std::vector<std::string> arguments;  // without the program
  std::optional<os::UserIds> user;
  milliseconds ready_limit{30'000};
};

class Supervisor {
 public:
  Supervisor(asio::any_io_executor executor, Layout layout);
  ~Supervisor();

  // Starts it and waits for its READY line; from then on it is restarted when it dies.
  // Returns: the JSON of that line. Errors: what the daemon itself said last, with its error code
  // where it named one; timeout.
  Task<boost::json::value> start(DaemonPlan plan);

  // Ends daemons, the last started first: SIGTERM, after limit SIGKILL. For the one named `node`,
  // before_node (asking it to stop all instances) runs instead of SIGTERM.
  asio::awaitable<void> stop(milliseconds limit, std::function<Task<void>()> before_node = nullptr);

  // SIGHUP: read files such as certificates again.
  void reload(const std::string& daemon);

 private:
  struct Daemon {
    DaemonPlan plan;
    std::optional<os::Process> process;
    int failures = 0;  // in a row
  };

  Task<boost::json::value> launch(Daemon& daemon);
  Task<boost::json::value> wait_ready(Daemon& daemon, os::UniqueFd pipe);
  asio::awaitable<void> limit_logs();
  asio::awaitable<void> watch(Daemon& daemon);

  asio::any_io_executor executor_;
  Layout layout_;
  std::vector<std::unique_ptr<Daemon>> daemons_;
  net::TaskGroup watchers_;
  bool stopping_ = false;
};

}  // namespace howdah::cli
