// SPDX-License-Identifier: Apache-2.0
// The postmaster of one instance: start, adopt, watch, stop. At most one lives on a data directory:
// PostgreSQL's own interlock fails across pid and ipc namespaces, so an exclusive flock on the file
// `lock` beside the directory is inherited by the postmaster and all its children. The agent keeps
// no copy of it: a lock that is held means that some process of the instance is alive, also for an
// agent that has just been restarted.
//
// Used on the one thread of its executor; blocking steps run on the pool.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "instance/config_files.h"
#include "instance/place.h"
#include "instance/postgres_installation.h"
#include "net/task.h"
#include "os/process.h"
#include "os/sandbox.h"

namespace howdah::instance {

struct StartRequest {
  InstancePlace place;
  PostgresInstallation installation;
  InstanceConfig config;
  std::optional<os::UserIds> user;       // whom it runs as; empty: as the agent itself
  std::optional<gid_t> socket_group;     // who else may reach the socket: "howdah"
  const os::Sandbox* sandbox = nullptr;  // what stands around it; outlives the start
  os::GroupLimits limits;
  milliseconds deadline{60'000};  // crash recovery of much WAL takes long
  // Nobody would adopt it: it is killed when the caller's pool ends without having stopped it.
  bool dies_with_caller = false;
};

struct StopLimits {
  milliseconds fast{30'000};      // clean stop: sessions are cut, a checkpoint is written
  milliseconds immediate{8'000};  // then without a checkpoint: the next start recovers from WAL
};

enum class StopWay { clean, crashed };  // crashed: the next start recovers

struct ExitReport {
  std::optional<int> exit_code;  // or 128 + signal; empty: it was adopted, so nobody can tell
  StopWay way = StopWay::clean;  // by what pg_control says
};

class InstanceProcess {
 public:
  // Writes the configuration, makes the socket directory, starts the postmaster and waits until it
  // accepts connections. Never pg_ctl, which polls only every 100 ms.
  // Errors: conflict when a postmaster runs already (adopt() it); instance_failed when it ended,
  // timeout when it was not ready in time and has been stopped again: `message` is public, `detail`
  // has the last lines of its log.
  static Task<std::shared_ptr<InstanceProcess>> start(asio::thread_pool& pool,
                                                      StartRequest request);

  // After a restart of the agent: finds the postmaster of the place and waits until it is ready.
  // Empty: none runs. What a dead postmaster left behind (backends in a loop) is killed.
  // user: whom it must run as; no other process is ever touched.
  static Task<std::shared_ptr<InstanceProcess>> adopt(asio::thread_pool& pool, InstancePlace place,
                                                      std::optional<os::UserIds> user,
                                                      milliseconds deadline = milliseconds{60'000});

  InstanceProcess(const InstanceProcess&) = delete;
  InstanceProcess& operator=(const InstanceProcess&) = delete;
  // Does not stop the postmaster.
  ~InstanceProcess();

  pid_t pid() const { return process_.pid(); }
  bool running() const { return process_.running(); }

  // Waits until the postmaster has ended, whoever ended it. Any number may wait at a time.
  Task<ExitReport> wait_exit();

  // Fast, then immediate, then SIGKILL for whatever is left. Success: nothing of it runs any more.
  Task<ExitReport> stop(StopLimits limits = {});
  // As a crash would: SIGKILL to the postmaster and all its children.
  Task<ExitReport> kill();
  // Has a running one read its configuration anew: what needs no restart takes effect.
  Task<void> reload(InstanceConfig config);
  // Lets `role` log in to a running instance of 13 to 15 (from 16 on there is nothing to do):
  // writes pg_ident.conf from config, which lists it, reloads, and confirms by a probe login that
  // the server knows the line. To be called before the role is made.
  // Errors: timeout when the line is not in force within the deadline.
  Task<void> allow_role(InstanceConfig config, std::string role,
                        milliseconds deadline = milliseconds{5'000});

 private:
  InstanceProcess(asio::thread_pool& pool, InstancePlace place, std::optional<os::UserIds> user,
                  os::Process process);
  Task<void> wait_ready(milliseconds deadline, std::optional<std::int64_t> stale_pid_file_ns);
  Task<ExitReport> finish();
  ExitReport report();

  asio::thread_pool& pool_;
  const InstancePlace place_;
  const std::optional<os::UserIds> user_;
  os::Process process_;
  std::optional<int> exit_code_;
};

}  // namespace howdah::instance
