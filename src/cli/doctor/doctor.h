// SPDX-License-Identifier: Apache-2.0
// `howdah doctor`: looks at everything that can be wrong on this machine and says what to do. Works
// without a running Howdah. Each check reads only; none wakes a database or changes anything. What
// can be put right without losing anything is offered as a fix, and done only by `--fix`.
//
// A check is two parts: look_* reads the machine, judge_* decides and is pure.
#pragma once
#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/start/layout.h"
#include "instance/postgres_installation.h"
#include "nodeapi/messages.h"
#include "os/memory.h"

namespace howdah::cli::doctor {

// note: so it is, and nothing has to be done. warn and fail are findings: exit code 6.
enum class Status { ok, note, warn, fail };
std::string_view to_string(Status status);

struct Finding {
  Status status;
  std::string name;     // "memory": the same for a check each time
  std::string text;     // what is so
  std::string meaning;  // what follows from it; empty when nothing does
  std::string advice;   // what to do; empty when nothing has to be done
  // What `--fix` can do about it: in words, and the doing. It loses no data. Empty: nothing.
  std::string fix_text = {};
  std::function<Result<void>()> fix = {};
};
using Findings = std::vector<Finding>;

// A daemon or another process of the data folder.
struct RunningProcess {
  pid_t pid = 0;
  std::string program;    // "howdah-gate"
  bool replaced = false;  // its file on disk is another one by now
};

// What all checks of one run look at.
struct Subject {
  Layout layout;
  std::vector<RunningProcess> processes;  // that name the data folder
  std::optional<nodeapi::NodeStatus> node;
  std::string api_url;  // of connection.json; empty: none
  bool running = false;
};
std::vector<RunningProcess> find_processes(const Layout& layout);

// postgres.cc
Findings check_postgres(const Subject& subject);
Finding judge_versions(const std::vector<instance::PostgresInstallation>& found);
// One for each major that databases need and the machine does not have.
Findings judge_missing(const std::vector<nodeapi::MissingPostgres>& missing);

// storage.cc
Findings check_folder(const Subject& subject);
Findings check_volume(const Subject& subject);
Findings check_space(const Subject& subject);
Findings check_dumps(const Subject& subject);
Finding judge_volume(const nodeapi::NodeStatus& node);
Finding judge_space(std::string name, const std::string& what, const os::DiskSpace& space,
                    ByteCount free_min);

// damage.cc
struct Damage {
  std::string name;  // of the database
  std::string text;  // when, and what PostgreSQL said
};
Findings check_damage(const Subject& subject);
Findings judge_damage(const std::vector<Damage>& found);
// The last line of a server's log that tells of a damaged page, with its time; empty: none.
std::string damage_in(std::string_view log);

// memory.cc
Findings check_memory(const Subject& subject);
Finding judge_memory(const os::MemoryInfo& memory);
// meminfo: the text of /proc/meminfo; overcommit: of /proc/sys/vm/overcommit_memory.
Finding judge_swap(const std::string& meminfo, const std::string& overcommit);

// network.cc
Findings check_ports(const Subject& subject);
Findings check_certificate(const Subject& subject);
Findings check_firewall(const Subject& subject);

// processes.cc
Findings check_processes(const Subject& subject);
Findings check_leftovers(const Subject& subject);
Findings check_service(const Subject& subject);
// limits: the text of /proc/PID/limits.
Finding judge_file_limit(const std::string& limits);

// orphans.cc
// What exists and should not; what the running Howdah knows of it comes through call.
using CallApi = std::function<Result<boost::json::value>(http::Method, const std::string& path)>;
Findings check_orphans(const Subject& subject, const CallApi& call);
// Socket folders of instances that are not on the volume. mounted: the volume can be looked at.
std::vector<os::Path> stale_socket_folders(const os::Path& runtime, const os::Path& volume);

// system.cc
Findings check_clock(const Subject& subject);
Findings check_users(const Subject& subject);
Findings check_walls(const Subject& subject);
// line: of NodeStatus::degraded.
Finding judge_wall(const std::string& line);
// newest_file: when something of the data folder was written, by the clock of then.
Finding judge_clock(bool synchronised, Timestamp newest_file, Timestamp now);

// All of them, in the order in which they are shown.
Findings check_everything(const Subject& subject);

}  // namespace howdah::cli::doctor
