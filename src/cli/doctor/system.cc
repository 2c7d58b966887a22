// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "cli/doctor/doctor.h"
#include "os/uid_lease.h"

namespace howdah::cli::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::minutes kClockTolerance{10};

bool clock_is_synchronised() {
  timex state{};
  return ::adjtimex(&state) != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
}

// Files that are written all the time: the newest tells what the clock said then.
Timestamp newest_in(const os::Path& folder) {
  Timestamp newest{};
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const auto time = entry.last_write_time(ignored);
    if (ignored) continue;
    const auto system = fs::file_time_type::clock::to_sys(time);
    newest = std::max(newest, std::chrono::time_point_cast<Timestamp::duration>(system));
  }
  return newest;
}

}  // namespace

Finding judge_clock(bool synchronised, Timestamp newest_file, Timestamp at) {
  if (newest_file > at + kClockTolerance) {
    return {Status::fail, "clock",
            fmt::format("it says {}, but files were written at {}", to_rfc3339(at),
                        to_rfc3339(newest_file)),
            "it was set back: keys, rules and jobs with a time begin or end wrongly",
            "set the clock right (timedatectl set-ntp true), then restart Howdah"};
  }
  if (!synchronised) {
    return {Status::note, "clock", "it is not known to be synchronised",
            "expiry of keys, certificates and firewall rules is as right as this clock",
            "timedatectl set-ntp true, where the host does not keep it right for you"};
  }
  return {Status::ok, "clock", "synchronised", "", ""};
}

Findings check_clock(const Subject& subject) {
  const Timestamp newest = std::max(newest_in(subject.layout.data / "logs"),
                                    newest_in(subject.layout.data / "backups" / "catalog"));
  return {judge_clock(clock_is_synchronised(), newest, now())};
}

Findings check_users(const Subject& subject) {
  if (::geteuid() != 0 || !os::folder_id_at(subject.layout.data)) return {};
  const DaemonNames names;
  Findings found;
  for (const std::string& name : {names.control, names.gate}) {
    if (os::find_user(name)) continue;
    found.push_back({Status::fail, "users", fmt::format("the system user {} is missing", name),
                     "files of the data folder belong to nobody",
                     "make it with its old number (see the owner of tls/), or restore /etc/passwd; "
                     "a start makes a new one, which cannot read the old files"});
  }
  const auto leases = os::uid_leases();
  if (!leases) {
    found.push_back({Status::fail, "user ids", leases.error().message, "Howdah does not start",
                     leases.error().hint});
    return found;
  }
  const auto id = os::folder_id_at(subject.layout.data);
  std::size_t gone = 0;
  std::string mine;
  for (const auto& lease : *leases) {
    if (id && lease.folder_id == *id) {
      mine = fmt::format("{} to {}", lease.first, lease.first + os::kUidRangeSize - 1);
    } else if (os::folder_id_at(lease.path) != lease.folder_id) {
      ++gone;
    }
  }
  std::string text = mine.empty() ? "none leased yet" : mine;
  if (gone > 0) text += fmt::format("; {} leases of folders that are not there now", gone);
  found.push_back({Status::ok, "user ids", text, "", ""});
  return found;
}

Finding judge_wall(const std::string& line) {
  std::string advice = "start Howdah as root";
  if (line.starts_with("sandbox: switched off")) {
    advice = "start Howdah without --sandbox off";
  } else if (line.starts_with("sandbox: ")) {
    advice = "SECURITY.md says what this part needs; --sandbox required starts only with all";
  }
  return {Status::note, "walls", line, "fine for development, not for tenants", advice};
}

Findings check_walls(const Subject& subject) {
  if (!subject.node) return {};
  Findings found;
  for (const std::string& line : subject.node->degraded) {
    if (line.starts_with("volume:")) continue;  // told by the volume's own check
    found.push_back(judge_wall(line));
  }
  if (found.empty()) found.push_back({Status::ok, "walls", "nothing is reduced", "", ""});
  return found;
}

Findings check_everything(const Subject& subject) {
  Findings all;
  for (const auto check :
       {check_postgres, check_folder, check_volume, check_space, check_damage, check_memory,
        check_ports, check_certificate, check_clock, check_processes, check_users, check_walls,
        check_leftovers, check_firewall, check_service, check_dumps}) {
    for (Finding& finding : check(subject)) all.push_back(std::move(finding));
  }
  return all;
}

}  // namespace howdah::cli::doctor
