// SPDX-License-Identifier: Apache-2.0
#include "cli/start/layout.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

#include "base/clock.h"
#include "base/json.h"
#include "cli/start/folder_place.h"
#include "cli/start/machine_check.h"
#include "crypto/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRootDataDirectory = "/var/lib/howdah";
constexpr std::chrono::milliseconds kUsersLockLimit{60'000};
constexpr std::int64_t kFolderFormat = 1;

std::unexpected<Error> unusable(std::string message, std::string hint) {
  return fail(ErrorCode::data_folder_unusable, std::move(message), std::move(hint));
}

Result<void> ensure_user(const std::string& name, const std::string& group, const os::Path& home) {
  if (os::find_user(name)) return {};
  os::SpawnOptions options;
  options.arguments = {"/usr/sbin/useradd",
                       "--system",
                       "--gid",
                       group,
                       "--home-dir",
                       home.string(),
                       "--no-create-home",
                       "--shell",
                       "/usr/sbin/nologin",
                       name};
  HOWDAH_TRY(const os::Output output, os::run(options, 20'000));
  if (output.exit_code == 0 || os::find_user(name)) return {};
  return fail(ErrorCode::io_error, fmt::format("cannot make the system user {}", name),
              fmt::format("make it by hand: useradd --system --gid {} {}", group, name),
              output.text);
}

Result<void> make_daemon_users(const DaemonNames& names) {
  // useradd writes over a user that has appeared since it looked, and gives it another uid.
  HOWDAH_TRY(const os::UniqueFd lock, os::wait_for_lock(kUsersLock, kUsersLockLimit));
  os::SpawnOptions group;
  group.arguments = {"/usr/sbin/groupadd", "--system", "--force", names.control};
  HOWDAH_TRY(const os::Output output, os::run(group, 20'000));
  if (output.exit_code != 0) {
    return fail(ErrorCode::io_error, fmt::format("cannot make the group {}", names.control),
                fmt::format("make it by hand: groupadd --system {}", names.control), output.text);
  }
  HOWDAH_CHECK(ensure_user(names.control, names.control, kRootDataDirectory));
  return ensure_user(names.gate, names.control, "/nonexistent");
}

// The folder as it is now: usable by us, ours, and of a format we know.
Result<bool> check_existing(const Layout& layout) {
  struct stat info{};
  if (::stat(layout.data.c_str(), &info) != 0) {
    return fail_errno("look at " + layout.data.string(), errno);
  }
  const std::string name = layout.data.string();
  if (!S_ISDIR(info.st_mode)) {
    return unusable(fmt::format("{} is not a folder", name), "choose a folder with --data-dir");
  }
  const bool marked = fs::exists(layout.data / "howdah.json");
  if (info.st_uid != ::geteuid() && (marked || ::geteuid() != 0)) {
    return unusable(
        fmt::format("{} belongs to user {}", name,
                    os::user_name(info.st_uid).value_or(fmt::format("{}", info.st_uid))),
        "run as that user, or choose another folder with --data-dir");
  }
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(layout.data, error)) {
    const std::string file = entry.path().filename();
    if (!marked && file != "lost+found" && file != "lock" && file != "howdah.json.new") {
      return unusable(
          fmt::format("{} is not empty and no Howdah data folder (it has {})", name, file),
          "choose an empty or new folder with --data-dir");
    }
  }
  if (error) {
    return unusable(fmt::format("cannot read {}: {}", name, error.message()),
                    "check its owner and mode, or choose another folder with --data-dir");
  }
  return marked;
}

Result<void> check_format(const Layout& layout) {
  HOWDAH_TRY(const std::string text, os::read_file(layout.data / "howdah.json"));
  const auto value = parse_json(text);
  const json::object* object = value ? value->if_object() : nullptr;
  const json::value* format = object != nullptr ? object->if_contains("format") : nullptr;
  if (format == nullptr || !format->is_int64()) {
    return unusable(fmt::format("{}/howdah.json is damaged", layout.data.string()),
                    "restore it from a backup of the folder");
  }
  if (format->get_int64() > kFolderFormat) {
    return unusable(fmt::format("{} was made by a newer Howdah (format {}, this one knows {})",
                                layout.data.string(), format->get_int64(), kFolderFormat),
                    "use that newer version");
  }
  return {};
}

// One directory of the folder with its owner. Only root can give it away.
Result<void> place_directory(const os::Path& path, mode_t mode,
                             const std::optional<os::UserIds>& owner) {
  HOWDAH_CHECK(os::make_directory(path, mode));
  if (owner) HOWDAH_CHECK(os::change_owner(path, owner->uid, owner->gid));
  return {};
}

Result<void> place_parts(const Layout& layout, const DaemonUsers& users) {
  HOWDAH_CHECK(place_directory(layout.data / "secrets", 0700, users.control));
  HOWDAH_CHECK(place_directory(layout.data / "tls", 0755, users.control));
  HOWDAH_CHECK(place_directory(layout.data / "gate", 0700, users.gate));
  HOWDAH_CHECK(place_directory(layout.data / "node", 0700, std::nullopt));
  HOWDAH_CHECK(place_directory(layout.data / "logs", 0750, std::nullopt));
  HOWDAH_CHECK(place_directory(layout.data / "backups", 0755, users.control));
  HOWDAH_CHECK(place_directory(layout.data / "backups" / "catalog", 0700, users.control));
  std::error_code error;
  fs::create_directories(layout.runtime.parent_path(), error);
  if (error) return fail_errno("make " + layout.runtime.parent_path().string(), error.value());
  std::optional<os::UserIds> runtime_owner;
  if (users.control) runtime_owner = os::UserIds{0, users.control->gid};
  // howdahd and the gate make their sockets in it (group howdah); sticky, so neither can replace
  // a socket of the other.
  return place_directory(layout.runtime, runtime_owner ? 01775 : 0700, runtime_owner);
}

}  // namespace

os::Path default_data_directory() {
  if (::geteuid() == 0) return kRootDataDirectory;
  const char* home = std::getenv("HOME");
  return os::Path(home != nullptr ? home : "/tmp") / ".local/share/howdah";
}

os::Path default_running_directory() {
  const os::Path own = default_data_directory(), root = kRootDataDirectory;
  std::error_code ignored;
  const bool has_own = fs::exists(own / "howdah.json", ignored);
  return !has_own && fs::exists(root / "howdah.json", ignored) ? root : own;
}

os::Path program_directory() {
  std::error_code ignored;
  return fs::read_symlink("/proc/self/exe", ignored).parent_path();
}

os::UserIds commanding_user() {
  const os::UserIds self{::geteuid(), ::getegid()};
  const char* name = std::getenv("SUDO_USER");  // only root's own environment is believed
  if (self.uid != 0 || name == nullptr) return self;
  return os::find_user(name).value_or(self);
}

Layout layout_of(const os::Path& data_directory) {
  std::error_code ignored;
  os::Path data = fs::weakly_canonical(fs::absolute(data_directory), ignored);
  if (data.filename().empty()) data = data.parent_path();  // a slash at the end
  const std::string name = crypto::to_hex(crypto::sha256(data.string())).substr(0, 8);
  // The owner of the folder is who runs `howdah up` on it: another user finds its sockets too, and
  // is told there that they are not for him.
  struct stat info{};
  const uid_t owner = ::stat(data.c_str(), &info) == 0 ? info.st_uid : ::geteuid();
  if (owner == 0) return {data, os::Path("/run/howdah") / name};
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  const os::Path parent =
      runtime != nullptr && fs::is_directory(runtime, ignored) ? runtime : "/tmp";
  return {data, parent / fmt::format("howdah-{}-{}", owner, name)};
}

Result<DaemonUsers> ensure_daemon_users(const DaemonNames& names) {
  if (::geteuid() != 0) {
    const std::string name = os::user_name(::geteuid()).value_or("");
    if (name.empty()) {
      return fail(ErrorCode::config_invalid,
                  fmt::format("user id {} has no name on this machine", ::geteuid()),
                  "PostgreSQL needs one: run as a user of /etc/passwd");
    }
    return DaemonUsers{{}, {}, name, name};
  }
  if (!os::find_user(names.control) || !os::find_user(names.gate)) {
    HOWDAH_CHECK(make_daemon_users(names));
  }
  return DaemonUsers{os::find_user(names.control), os::find_user(names.gate), names.control,
                     names.gate};
}

Result<PreparedFolder> prepare_folder(const Layout& layout, const DaemonUsers& users) {
  std::error_code error;
  fs::create_directories(layout.data, error);
  if (error) {
    return unusable(fmt::format("cannot make {}: {}", layout.data.string(), error.message()),
                    "choose a folder that can be written with --data-dir");
  }
  HOWDAH_TRY(const bool marked, check_existing(layout));
  if (marked) HOWDAH_CHECK(check_format(layout));

  auto lock = os::try_lock(layout.data / "lock");
  if (!lock) {
    return unusable(
        fmt::format("cannot write to {}: {}", layout.data.string(), lock.error().message),
        "is the disk read-only or the folder someone else's? Choose another with "
        "--data-dir");
  }
  if (!*lock) {
    return fail(ErrorCode::already_running,
                fmt::format("another Howdah uses {}", layout.data.string()),
                "see 'howdah status', or start a second one with another --data-dir");
  }
  HOWDAH_CHECK(settle_place(layout, **lock));
  if (!marked) HOWDAH_CHECK(check_space(layout.data));
  if (!marked) {
    // The daemons' users pass through the folder to their own parts.
    HOWDAH_CHECK(os::make_directory(layout.data, 0755));
    if (::geteuid() == 0) HOWDAH_CHECK(os::change_owner(layout.data, 0, 0));
  }
  HOWDAH_CHECK(place_parts(layout, users));
  if (!marked) {
    const json::value identity = {
        {"id", crypto::make_uuid()}, {"format", kFolderFormat}, {"created_at", to_rfc3339(now())}};
    HOWDAH_CHECK(
        os::write_file_atomic(layout.data / "howdah.json", json::serialize(identity) + "\n", 0644));
  }
  return PreparedFolder{std::move(**lock), !marked};
}

}  // namespace howdah::cli
