// SPDX-License-Identifier: Apache-2.0
#include "instance/detail/instance_lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "base/log.h"
#include "instance/detail/tenant_file.h"

namespace howdah::instance::detail {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A postmaster whose agent died right after the spawn has some milliseconds to write its pid file.
constexpr milliseconds kUnknownHolderLimit{2'000};
constexpr milliseconds kKillLimit{10'000};
constexpr milliseconds kPollInterval{2};
constexpr ByteCount kPidFileSizeMax = 4_KiB;
constexpr std::size_t kStatusLine = 7;  // counted from 0; PostgreSQL's LOCK_FILE_LINE_PM_STATUS

template <typename Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// Calls visit with each entry of a directory of /proc; stops when it returns true.
bool any_entry(const std::string& path, const std::function<bool(std::string_view)>& visit) {
  const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(path.c_str()), ::closedir);
  if (!list) return false;
  while (const dirent* entry = ::readdir(list.get())) {
    if (visit(entry->d_name)) return true;
  }
  return false;
}

bool runs_as(pid_t pid, uid_t uid) {
  struct stat info{};
  return ::stat(fmt::format("/proc/{}", pid).c_str(), &info) == 0 && info.st_uid == uid;
}

struct LockFile {
  std::string path;  // canonical
  dev_t device;
  ino_t inode;
};

Result<LockFile> find_lock_file(const InstancePlace& place) {
  std::error_code error;
  const os::Path path = std::filesystem::canonical(place.lock(), error);
  if (error) return fail_errno("look at " + place.lock().string(), error.value());
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return fail_errno("look at " + path.string(), errno);
  return LockFile{path.string(), info.st_dev, info.st_ino};
}

std::string read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

bool holds_file(pid_t pid, const LockFile& file) {
  const std::string directory = fmt::format("/proc/{}/fd", pid);
  return any_entry(directory, [&](std::string_view name) {
    const std::string link = fmt::format("{}/{}", directory, name);
    // The name first: asking for the attributes of whatever the tenant has open could block.
    if (read_link(link) != file.path) return false;
    struct stat info{};
    return ::stat(link.c_str(), &info) == 0 && info.st_dev == file.device &&
           info.st_ino == file.inode;
  });
}

// A child that was forked shows a title of its own; a postmaster still shows its arguments.
bool looks_like_postmaster(pid_t pid) {
  const auto line = os::read_file(fmt::format("/proc/{}/cmdline", pid));
  return line && line->find(std::string_view("\0-D\0", 4)) != std::string::npos;
}

std::vector<pid_t> find_holders(const LockFile& lock_file, uid_t uid) {
  const std::string own_program = read_link("/proc/self/exe");
  std::vector<pid_t> holders;
  any_entry("/proc", [&](std::string_view name) {
    const auto pid = parse_number<pid_t>(name);
    // The agent itself may be trying the lock, or a child of its own have a copy until it executes.
    if (pid && runs_as(*pid, uid) && holds_file(*pid, lock_file) &&
        read_link(fmt::format("/proc/{}/exe", *pid)) != own_program) {
      holders.push_back(*pid);
    }
    return false;
  });
  return holders;
}

// A pidfd first and the proof after it, so that the pid cannot change hands in between.
std::optional<os::Process> open_holder(pid_t pid, const LockFile& lock_file, uid_t uid) {
  auto process = os::Process::adopt(pid);
  if (!process || !process->running()) return std::nullopt;
  if (!runs_as(pid, uid) || !holds_file(pid, lock_file)) return std::nullopt;
  return std::move(*process);
}

void kill_once(const std::vector<pid_t>& holders, const LockFile& lock_file, uid_t uid) {
  for (const pid_t pid : holders) {
    if (auto process = open_holder(pid, lock_file, uid)) (void)process->signal(SIGKILL);
  }
}

std::unexpected<Error> fail_stuck(const InstancePlace& place) {
  return fail(ErrorCode::timeout, "processes of the instance do not end", {},
              "the lock is still held: " + place.lock().string());
}

}  // namespace

std::optional<PidFile> parse_pid_file(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  PidFile file;
  const auto pid = lines.empty() ? std::nullopt : parse_number<pid_t>(lines[0]);
  if (!pid || *pid <= 0) return std::nullopt;
  file.pid = *pid;
  file.ready = lines.size() > kStatusLine && lines[kStatusLine].starts_with("ready");
  return file;
}

std::optional<PidFile> read_pid_file(const os::Path& data_directory) {
  const auto text = read_tenant_file(data_directory, "postmaster.pid", kPidFileSizeMax);
  if (!text) return std::nullopt;
  auto file = parse_pid_file(*text);
  struct stat info{};
  if (!file || ::lstat((data_directory / "postmaster.pid").c_str(), &info) != 0) {
    return std::nullopt;
  }
  file->changed_ns = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  return file;
}

Result<std::optional<os::UniqueFd>> take_lock(const InstancePlace& place) {
  HOWDAH_TRY(os::UniqueFd fd, os::open_file(place.lock(), O_RDONLY | O_CREAT | O_NOFOLLOW));
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional(std::move(fd));
  if (errno == EWOULDBLOCK) return std::optional<os::UniqueFd>();
  return fail_errno("lock " + place.lock().string(), errno);
}

Result<Occupant> find_occupant(const InstancePlace& place, uid_t uid) {
  const auto begin = steady_clock::now();
  bool told = false;
  while (true) {
    HOWDAH_TRY(auto lock, take_lock(place));
    if (lock) return Occupant{std::nullopt, std::move(lock)};
    HOWDAH_TRY(const LockFile lock_file, find_lock_file(place));
    if (const auto pid_file = read_pid_file(place.data())) {
      if (auto process = open_holder(pid_file->pid, lock_file, uid)) {
        return Occupant{std::move(process), std::nullopt};
      }
    }
    const auto waited = steady_clock::now() - begin;
    const auto holders = find_holders(lock_file, uid);
    if (waited > kUnknownHolderLimit ||
        std::none_of(holders.begin(), holders.end(), looks_like_postmaster)) {
      if (!told && !holders.empty()) {
        log::info("instance", "{}: ending {} processes that outlived their postmaster",
                  place.directory.filename().string(), holders.size());
        told = true;
      }
      kill_once(holders, lock_file, uid);
    }
    if (waited > kUnknownHolderLimit + kKillLimit) return fail_stuck(place);
    std::this_thread::sleep_for(kPollInterval);
  }
}

Result<void> kill_holders(const InstancePlace& place, const std::vector<uid_t>& uids) {
  const auto begin = steady_clock::now();
  while (true) {
    HOWDAH_TRY(const auto lock, take_lock(place));
    if (lock) return {};
    HOWDAH_TRY(const LockFile lock_file, find_lock_file(place));
    for (const uid_t uid : uids) kill_once(find_holders(lock_file, uid), lock_file, uid);
    if (steady_clock::now() - begin > kKillLimit) return fail_stuck(place);
    std::this_thread::sleep_for(kPollInterval);
  }
}

}  // namespace howdah::instance::detail
