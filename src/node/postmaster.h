// SPDX-License-Identifier: Apache-2.0
// The seam between the state machine of an instance and the operating system: the real one is
// PostgresSource (postgres_source.h); the tests of the state machine have one without processes.
#pragma once
#include <sys/types.h>

#include <memory>
#include <string>

#include "instance/instance_process.h"
#include "net/task.h"
#include "node/manifest.h"

namespace howdah::node {

class Postmaster {
 public:
  virtual ~Postmaster() = default;
  virtual pid_t pid() const = 0;
  virtual Task<instance::ExitReport> wait_exit() = 0;
  // Success of both: nothing of it runs any more. Cleanly, or as quickly as it can be done for data
  // that nobody wants any more.
  virtual Task<instance::ExitReport> stop() = 0;
  virtual Task<instance::ExitReport> kill() = 0;
  // Whether new transactions may only read, unless they say otherwise; from now on.
  virtual Task<void> set_read_only(Manifest manifest, bool read_only) = 0;
};

class PostmasterSource {
 public:
  virtual ~PostmasterSource() = default;
  // Errors: instance_failed and timeout, with the last lines of the log in `detail`.
  virtual Task<std::shared_ptr<Postmaster>> start(Manifest manifest) = 0;
  // The one that runs already; null: none does.
  virtual Task<std::shared_ptr<Postmaster>> adopt(Manifest manifest) = 0;
  // The last lines of the server's log, for people; empty when there is none.
  virtual asio::awaitable<std::string> log_tail(Manifest manifest) = 0;
};

}  // namespace howdah::node
