// SPDX-License-Identifier: Apache-2.0
#include "cli/start/daemon_users.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>

#include "base/json.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kLockLimit{60'000};
constexpr uid_t kSystemUidMax = 999;

// Unreadable leases count as used: better a user too many.
bool has_data_folders(const os::Path& lease_file) {
  const auto text = os::read_file(lease_file, 1_MiB);
  if (!text) return text.error().code != ErrorCode::not_found;
  const auto value = parse_json(*text);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* leases = object != nullptr ? object->if_contains("leases") : nullptr;
  if (leases == nullptr || !leases->is_array()) return true;
  for (const json::value& lease : leases->get_array()) {
    const json::object* one = lease.if_object();
    const json::value* folder = one != nullptr ? one->if_contains("path") : nullptr;
    std::error_code error;
    if (folder == nullptr || !folder->is_string()) return true;
    if (fs::exists(os::Path(std::string(folder->get_string())) / "howdah.json", error)) return true;
  }
  return false;
}

bool has_processes(uid_t uid) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    struct stat info{};
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (::stat(entry.path().c_str(), &info) == 0 && info.st_uid == uid) return true;
  }
  return false;
}

// As ensure_daemon_users() makes them: a system user that cannot log in.
bool is_ours(const std::string& name) {
  const passwd* entry = ::getpwnam(name.c_str());
  return entry != nullptr && entry->pw_uid <= kSystemUidMax &&
         std::string_view(entry->pw_shell).ends_with("nologin");
}

}  // namespace

Result<std::vector<std::string>> remove_daemon_users(const DaemonNames& names,
                                                     const os::Path& lease_file) {
  HOWDAH_TRY(const os::UniqueFd lock, os::wait_for_lock(kUsersLock, kLockLimit));
  std::vector<std::string> gone;
  if (has_data_folders(lease_file)) return gone;
  for (const std::string& name : {names.gate, names.control}) {
    const auto user = os::find_user(name);
    if (!user || !is_ours(name) || has_processes(user->uid)) continue;
    os::SpawnOptions options;
    options.arguments = {"/usr/sbin/userdel", name};
    HOWDAH_TRY(const os::Output output, os::run(options, 20'000));
    if (output.exit_code != 0) {
      return fail(ErrorCode::io_error, fmt::format("cannot remove the user {}", name),
                  "by hand: userdel " + name, output.text);
    }
    gone.push_back(name);
  }
  std::error_code error;
  fs::remove(lease_file, error);
  return gone;
}

}  // namespace howdah::cli
