// SPDX-License-Identifier: Apache-2.0
#include "node/folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/json.h"
#include "crypto/random.h"
#include "node/folder_id.h"

namespace howdah::node {
namespace {

namespace fs = std::filesystem;

// With less the catalog cannot write its WAL, and a start would only make things worse.
constexpr ByteCount kFreeBytesMin = 64_MiB;
// "/i/" + 14 characters of an instance id + "/.s.PGSQL.5432.lock", PostgreSQL's longest name.
constexpr std::size_t kSocketSuffixSize = 3 + 14 + 19;

std::unexpected<Error> unusable(std::string message, std::string hint) {
  return fail(ErrorCode::data_folder_unusable, std::move(message), std::move(hint));
}

std::string user_text(uid_t uid) {
  return os::user_name(uid).value_or(fmt::format("{}", uid));
}

// A directory of our own, never a link: another user could have put one there before us.
Result<void> check_own_directory(const os::Path& path, const char* flag) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return fail_errno("look at " + path.string(), errno);
  if (!S_ISDIR(info.st_mode)) {
    return unusable(fmt::format("{} is not a folder", path.string()),
                    fmt::format("choose another with {}", flag));
  }
  if (info.st_uid != ::geteuid()) {
    return unusable(fmt::format("{} belongs to user {}", path.string(), user_text(info.st_uid)),
                    fmt::format("run as that user, or choose another folder with {}", flag));
  }
  return {};
}

Result<void> make_folder(const os::Path& path, const char* flag) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return unusable(fmt::format("cannot make {}: {}", path.string(), error.message()),
                    fmt::format("choose a folder that can be written with {}", flag));
  }
  return check_own_directory(path, flag);
}

// As root the instances run under uids of their own, which must be able to pass through.
Result<void> check_passable(const os::Path& path, const char* flag) {
  for (os::Path part = path; !part.empty(); part = part.parent_path()) {
    struct stat info{};
    if (::stat(part.c_str(), &info) == 0 && (info.st_mode & S_IXOTH) == 0) {
      return unusable(
          fmt::format("{} cannot be entered by the users that instances run under", part.string()),
          fmt::format("run chmod o+x {}, or choose another folder with {}", part.string(), flag));
    }
    if (part == part.root_path()) break;
  }
  return {};
}

Result<std::string> folder_id_of(const os::Path& data_dir) {
  auto id = read_folder_id(data_dir);
  if (id || id.error().code != ErrorCode::not_found) return id;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_dir, error)) {
    const std::string name = entry.path().filename();
    if (name != "lost+found" && name != "lock" && name != "howdah.json.new") {
      return unusable(fmt::format("{} is not empty and no Howdah data folder (it has {})",
                                  data_dir.string(), name),
                      "choose an empty or new folder with --data-dir");
    }
  }
  auto created = create_folder_id(data_dir);
  if (!created) {
    return unusable(
        fmt::format("cannot write to {}: {}", data_dir.string(), created.error().message),
        "is the disk read-only or full? Choose another folder with --data-dir");
  }
  return created;
}

Result<os::UniqueFd> lock_folder(const os::Path& data_dir) {
  auto made = os::make_directory(data_dir / "node", 0700);
  if (!made) {
    return unusable(fmt::format("cannot write to {}: {}", data_dir.string(), made.error().message),
                    "is the disk read-only or full? Choose another folder with --data-dir");
  }
  HOWDAH_TRY(auto lock, os::try_lock(data_dir / "node" / "lock"));
  if (!lock) {
    return fail(ErrorCode::already_running,
                fmt::format("another node agent uses {}", data_dir.string()),
                "stop it first, or choose another folder with --data-dir");
  }
  return std::move(*lock);
}

// The free space is checked by writing too: a quota shows nowhere else.
Result<void> check_writable(const os::Path& data_dir) {
  HOWDAH_TRY(const os::DiskSpace space, os::disk_space(data_dir));
  if (space.free_bytes < kFreeBytesMin) {
    return unusable(
        fmt::format("{} has only {} free; the node agent needs at least {}", data_dir.string(),
                    to_pretty(space.free_bytes), to_pretty(kFreeBytesMin)),
        "free some space on that disk");
  }
  const auto written = os::write_file_atomic(data_dir / "node" / "probe", "x");
  if (!written) {
    return unusable(
        fmt::format("cannot write to {}: {}", data_dir.string(), written.error().message),
        "is the disk read-only or full? Choose another folder with --data-dir");
  }
  return {};
}

Result<NodeId> node_id_of(const os::Path& data_dir) {
  const os::Path path = data_dir / "node" / "node.json";
  const auto text = os::read_file(path, 64_KiB);
  if (!text && text.error().code != ErrorCode::not_found) return std::unexpected(text.error());
  if (text) {
    HOWDAH_TRY(const json::value value, parse_json(*text));
    JsonReader in(value);
    NodeId id(in.required_string("nodeId", 1, 80));
    HOWDAH_CHECK(in.finish());
    return id;
  }
  NodeId id(crypto::make_uuid());
  const json::value content{{"node_id", id.str()}};
  HOWDAH_CHECK(os::write_file_atomic(path, json::serialize(content) + "\n"));
  return id;
}

Result<void> prepare_runtime(const Folder& folder, const Users& users) {
  if (folder.runtime_dir.string().size() + kSocketSuffixSize >= sizeof(sockaddr_un::sun_path)) {
    return unusable(fmt::format("the runtime folder {} has too long a path for sockets",
                                folder.runtime_dir.string()),
                    "choose a shorter one with --runtime-dir");
  }
  const bool existed = fs::exists(folder.runtime_dir);
  HOWDAH_CHECK(make_folder(folder.runtime_dir, "--runtime-dir"));
  if (!existed && users.privileged) {
    // Sticky: neither the control plane nor a gate can replace a socket of the other.
    HOWDAH_CHECK(os::change_owner(folder.runtime_dir, 0, users.control.gid));
    HOWDAH_CHECK(os::make_directory(folder.runtime_dir, 01775));
  } else if (!existed) {
    HOWDAH_CHECK(os::make_directory(folder.runtime_dir, 0700));
  }
  if (users.privileged) HOWDAH_CHECK(check_passable(folder.runtime_dir, "--runtime-dir"));
  std::error_code ignored;
  fs::create_directory(folder.instance_sockets(), ignored);
  HOWDAH_CHECK(check_own_directory(folder.instance_sockets(), "--runtime-dir"));
  return os::make_directory(folder.instance_sockets(), 0711);
}

}  // namespace

Result<Users> find_users(const Config& config) {
  Users users;
  users.agent_uid = ::geteuid();
  users.agent_name = user_text(users.agent_uid);
  users.privileged = users.agent_uid == 0;
  if (!users.privileged) {
    users.control = users.gate = os::UserIds{::geteuid(), ::getegid()};
    users.control_name = users.gate_name = users.agent_name;
    return users;
  }
  const auto control = os::find_user(config.control_user);
  const auto gate = os::find_user(config.gate_user);
  if (!control || !gate) {
    return fail(ErrorCode::config_invalid,
                fmt::format("there is no user '{}' on this machine",
                            control ? config.gate_user : config.control_user),
                "'howdah up' makes it; by hand: useradd --system NAME");
  }
  users.control = *control;
  users.gate = *gate;
  users.control_name = config.control_user;
  users.gate_name = config.gate_user;
  return users;
}

Result<Folder> open_folder(const Config& config, const Users& users) {
  Folder folder;
  folder.data_dir = config.data_dir;
  folder.runtime_dir = config.runtime_dir;
  HOWDAH_CHECK(make_folder(folder.data_dir, "--data-dir"));
  HOWDAH_TRY(folder.folder_id, folder_id_of(folder.data_dir));
  if (users.privileged) HOWDAH_CHECK(check_passable(folder.data_dir, "--data-dir"));
  HOWDAH_TRY(folder.lock, lock_folder(folder.data_dir));
  if (!config.standalone) HOWDAH_CHECK(check_writable(folder.data_dir));
  HOWDAH_TRY(folder.node_id, node_id_of(folder.data_dir));
  HOWDAH_CHECK(prepare_runtime(folder, users));
  return folder;
}

}  // namespace howdah::node
