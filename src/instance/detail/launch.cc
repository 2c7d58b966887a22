// SPDX-License-Identifier: Apache-2.0
#include "instance/detail/launch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "instance/detail/instance_lock.h"
#include "instance/server_log.h"
#include "os/confinement.h"

namespace howdah::instance::detail {
namespace {

constexpr std::size_t kSocketPathMax = 107;

Result<void> prepare_socket_directory(const StartRequest& request) {
  const os::Path& directory = request.place.socket_directory;
  const std::string socket = (directory / fmt::format(".s.PGSQL.{}", kPort)).string();
  if (socket.size() > kSocketPathMax) {
    return fail(ErrorCode::config_invalid,
                fmt::format("the socket path {} has more than {} bytes", socket, kSocketPathMax),
                "choose a shorter runtime folder");
  }
  HOWDAH_CHECK(os::make_directory(directory, request.socket_group ? 0710 : 0700));
  if (request.user) {
    HOWDAH_CHECK(os::change_owner(directory, request.user->uid,
                                  request.socket_group.value_or(request.user->gid)));
  }
  // With the lock in hand no server uses them. A leftover lock file whose pid means another process
  // by now would stop PostgreSQL from starting.
  for (const std::string& path : {socket, socket + ".lock"}) {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path, errno);
  }
  return {};
}

bool works_in(pid_t pid, const os::Path& directory) {
  struct stat expected{}, found{};
  return ::stat(directory.c_str(), &expected) == 0 &&
         ::stat(fmt::format("/proc/{}/cwd", pid).c_str(), &found) == 0 &&
         expected.st_dev == found.st_dev && expected.st_ino == found.st_ino;
}

// PostgreSQL takes any living process with the pid of a leftover postmaster.pid for a server. Where
// that pid was reused, the file goes; in every other case PostgreSQL's own check is better than
// ours, since it also looks for shared memory in use.
Result<std::optional<std::int64_t>> settle_pid_file(const InstancePlace& place) {
  const auto file = read_pid_file(place.data());
  if (!file) return std::optional<std::int64_t>();
  if (::kill(file->pid, 0) != 0 && errno == ESRCH) return std::optional(file->changed_ns);
  if (works_in(file->pid, place.data())) {
    return fail(ErrorCode::conflict, "a server that Howdah did not start uses the data directory",
                fmt::format("stop process {}", file->pid));
  }
  const os::Path path = place.data() / "postmaster.pid";
  if (::unlink(path.c_str()) != 0) return fail_errno("remove " + path.string(), errno);
  return std::optional<std::int64_t>();
}

Result<os::UniqueFd> open_log(const StartRequest& request) {
  const os::Path log = request.place.log();
  HOWDAH_CHECK(limit_log(log));
  return os::open_file(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0640);
}

}  // namespace

Result<Launch> launch(const StartRequest& request) {
  const InstancePlace& place = request.place;
  const uid_t uid = request.user ? request.user->uid : ::getuid();
  HOWDAH_TRY(Occupant occupant, find_occupant(place, uid));
  if (occupant.postmaster) {
    return fail(ErrorCode::conflict, "the instance runs already", {},
                fmt::format("postmaster {}", occupant.postmaster->pid()));
  }
  HOWDAH_CHECK(write_config(place, request.config, request.user));
  HOWDAH_CHECK(prepare_socket_directory(request));
  HOWDAH_TRY(const auto stale, settle_pid_file(place));
  HOWDAH_TRY(const os::UniqueFd log, open_log(request));
  const ByteCount log_begin = log_size(place.log());

  os::SpawnOptions options;
  options.arguments = {
      request.installation.program("postgres").string(), "-D", place.data().string(), "-c",
      fmt::format("config_file={}", (place.config() / "postgresql.conf").string())};
  // PostgreSQL is single-threaded: more malloc arenas would only be for its libraries' threads.
  options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "MALLOC_ARENA_MAX=1"};
  options.user = request.user;
  options.dies_with_parent = request.dies_with_caller;
  options.stdout_fd = options.stderr_fd = log.get();
  options.inherited_fds = {occupant.lock->get()};
  os::Confinement confinement;
  if (request.sandbox != nullptr) {
    HOWDAH_TRY(confinement,
               request.sandbox->confine({.name = sandbox_name(place),
                                         .read_only = {place.config()},
                                         .writable = {place.data(), place.socket_directory},
                                         .limits = request.limits}));
    options.confinement = &confinement;
  }
  HOWDAH_TRY(os::Process postmaster, os::spawn(options));
  return Launch{std::move(postmaster), log_begin, stale};
  // Here our copy of the lock closes: the postmaster has the other one.
}

}  // namespace howdah::instance::detail
