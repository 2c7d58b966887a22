// SPDX-License-Identifier: Apache-2.0
#include "node/export.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <thread>
#include <utility>

#include "base/log.h"
#include "instance/server_log.h"
#include "model/names.h"
#include "node/owner.h"
#include "node/postgres_source.h"
#include "nodeapi/client.h"

namespace howdah::node {
namespace {

namespace fs = std::filesystem;

// Recovery of much WAL takes long; whoever waits sees that it goes on.
constexpr int kTrialLimitMs = 3'600'000;
constexpr milliseconds kProgressEvery{1'000};

// What only a running server, or a Howdah, has use for.
constexpr std::array kLeftOut{"postmaster.pid", "postmaster.opts",      "recovery.signal",
                              "standby.signal", "postgresql.auto.conf", "current_logfiles"};

// Goes unless it is kept: a folder that is not finished, or a snapshot.
class Temporary {
 public:
  Temporary(os::Path path, Result<void> (*remove)(const os::Path&))
      : path_(std::move(path)), remove_(remove) {}
  Temporary(Temporary&& other) noexcept
      : path_(std::exchange(other.path_, {})), remove_(other.remove_) {}
  Temporary& operator=(Temporary&&) = delete;
  ~Temporary() {
    if (path_.empty()) return;
    const auto removed = remove_(path_);
    if (!removed) log::warn("export", "{}", removed.error().to_log());
  }
  const os::Path& path() const { return path_; }

 private:
  os::Path path_;
  Result<void> (*remove_)(const os::Path&);
};

// "copied 1.2 GB of 3 GB" once a second while it lives.
class Progress {
 public:
  Progress(os::Path directory, ByteCount all, bool shown) {
    if (!shown) return;
    thread_ = std::jthread([directory = std::move(directory), all](std::stop_token stop) {
      const auto tick = std::chrono::milliseconds{50};
      auto next = std::chrono::steady_clock::now() + kProgressEvery;
      while (!stop.stop_requested()) {
        std::this_thread::sleep_for(tick);
        if (std::chrono::steady_clock::now() < next) continue;
        next += kProgressEvery;
        const auto done = volume::bytes_below(directory);
        if (done) fmt::print("copied {} of {}\n", to_pretty(std::min(*done, all)), to_pretty(all));
        std::fflush(stdout);
      }
    });
  }

 private:
  std::jthread thread_;
};

void say(const ExportRequest& request, std::string_view text) {
  if (!request.progress) return;
  fmt::print("{}\n", text);
  std::fflush(stdout);
}

Result<void> check_destination(const os::Path& destination) {
  std::error_code error;
  if (!fs::exists(fs::symlink_status(destination, error))) {
    if (fs::is_directory(destination.parent_path(), error)) return {};
    return fail(ErrorCode::not_found, destination.parent_path().string() + " is not there",
                "make it first, or choose another folder");
  }
  if (fs::is_directory(destination, error) && fs::is_empty(destination, error) && !error) return {};
  return fail(ErrorCode::conflict, destination.string() + " is there and not empty",
              "name a folder that does not exist yet");
}

// A place to read from that nobody writes, and what ends with it.
struct Source {
  os::Path data;
  std::optional<Temporary> frozen;
};

Result<Source> frozen_source(const os::Path& root, const Manifest& manifest) {
  HOWDAH_TRY(os::Path frozen,
             volume::freeze_directory(root, Environment::volume_path(manifest.id) + "/data"));
  return Source{frozen, Temporary(frozen, &volume::drop_frozen)};
}

std::unexpected<Error> must_stop(const Manifest& manifest) {
  return fail(ErrorCode::conflict,
              fmt::format("{} runs, and this volume has no snapshots: a copy of it would be torn",
                          manifest.slug),
              "add --stop: its sessions are ended and it is closed until the copy is there");
}

// Closed by the agent, which does not start it while it is paused. Nothing is remembered of it by
// the control plane, which opens it again by itself should we die.
class Closed {
 public:
  Closed(nodeapi::Client& node, const Manifest& manifest) : node_(node), manifest_(manifest) {}

  Task<void> close() {
    HOWDAH_CO_TRY(const auto now, co_await node_.instance(manifest_.id));
    paused_before_ = now.paused;
    HOWDAH_CO_CHECK(co_await node_.configure(manifest_.id, {.paused = true}));
    HOWDAH_CO_CHECK(co_await node_.stop(manifest_.id, true));
    co_return Result<void>{};
  }
  Task<void> open() {
    if (paused_before_) co_return Result<void>{};
    HOWDAH_CO_CHECK(co_await node_.configure(manifest_.id, {.paused = false}));
    co_return Result<void>{};
  }

 private:
  nodeapi::Client& node_;
  const Manifest& manifest_;
  bool paused_before_ = true;
};

Result<void> copy_from(const os::Path& data, const os::Path& destination,
                       const ExportRequest& request) {
  HOWDAH_TRY(const ByteCount size, volume::bytes_below(data));
  HOWDAH_TRY(const os::DiskSpace space, os::disk_space(destination));
  if (space.free_bytes < size) {
    return fail(ErrorCode::volume_full,
                fmt::format("{} are needed, {} are free on the disk of {}", to_pretty(size),
                            to_pretty(space.free_bytes), request.destination.string()),
                "choose a folder on a disk with more room");
  }
  say(request, fmt::format("copying {}", to_pretty(size)));
  const Progress progress(destination, size, request.progress);
  return volume::copy_out(data, destination);
}

// Copies a live instance of a Howdah that runs.
Task<void> copy_served(const Standalone& folder, const Manifest& manifest, os::Path destination,
                       const ExportRequest& request) {
  auto source = frozen_source(folder.volume_root(), manifest);
  if (source) co_return copy_from(source->data, destination, request);
  if (source.error().code != ErrorCode::unsupported) {
    co_return std::unexpected(std::move(source).error());
  }
  const os::Path data = folder.volume_root() / Environment::volume_path(manifest.id) / "data";
  nodeapi::Client node(co_await asio::this_coro::executor, folder.node_socket());
  if (!request.stop) co_return must_stop(manifest);
  Closed closed(node, manifest);
  HOWDAH_CO_CHECK(co_await closed.close());
  auto copied = copy_from(data, destination, request);
  const auto opened = co_await closed.open();
  if (!opened) log::warn("export", "it stays closed: {}", opened.error().to_log());
  co_return copied;
}

// The folder is ours, so nobody starts it. A server of an earlier agent may still run.
Task<void> copy_alone(Standalone& folder, const Manifest& manifest, os::Path destination,
                      const ExportRequest& request) {
  Environment& environment = folder.environment();
  const os::Path data = environment.place_of(manifest.id).data();
  if (folder.running_at(manifest).empty()) co_return copy_from(data, destination, request);
  auto source = frozen_source(environment.volume->root(), manifest);
  if (source) co_return copy_from(source->data, destination, request);
  if (!request.stop) co_return must_stop(manifest);
  HOWDAH_CO_TRY(const auto process, co_await instance::InstanceProcess::adopt(
                                        environment.pool, environment.place_of(manifest.id),
                                        environment.user_of(manifest.uid)));
  if (process) HOWDAH_CO_CHECK(co_await process->stop());
  co_return copy_from(data, destination, request);
}

// What is being made.
struct Copy {
  const Manifest& manifest;
  const os::Path& data;  // where it is until it gets its name
  const instance::PostgresInstallation& installation;
  const ExportRequest& request;
};

Result<void> make_plain(const Copy& copy) {
  const auto& [manifest, data, installation, request] = copy;
  for (const char* name : kLeftOut) HOWDAH_CHECK(os::remove_tree(data / name));
  std::error_code error;
  // PostgreSQL has one link at most in there, made by a superuser; a tenant's leads nowhere good.
  for (const auto& entry : fs::recursive_directory_iterator(data, error)) {
    if (!entry.is_symlink()) continue;
    return fail(ErrorCode::unprocessable,
                fmt::format("the data has a link: {}", fs::relative(entry.path(), data).string()),
                "tablespaces outside of the data directory cannot be exported");
  }
  if (error) return fail_errno("walk " + data.string(), error.value());
  const std::string owner =
      os::user_name(request.owner.uid).value_or(std::to_string(request.owner.uid));
  const std::array<std::pair<const char*, std::string>, 5> files{{
      {"postgresql.conf", plain_postgresql_conf(manifest)},
      {"postgresql.auto.conf", "# Written by ALTER SYSTEM.\n"},
      {"pg_hba.conf", plain_hba_conf()},
      {"pg_ident.conf", plain_ident_conf(owner)},
      {"README.howdah", plain_readme(manifest, request.destination, installation.bin_directory)},
  }};
  for (const auto& [name, text] : files) {
    HOWDAH_CHECK(os::write_file_atomic(data / name, text, 0600));
  }
  if (::chmod(data.c_str(), 0700) != 0)
    return fail_errno("set the mode of " + data.string(), errno);
  if (::geteuid() == 0) HOWDAH_CHECK(give_to_user(data, request.owner));
  return {};
}

std::optional<os::UserIds> other_user(os::UserIds user) {
  if (user.uid == ::geteuid()) return std::nullopt;
  return user;
}

// As its owner will: recovers it, and shows that an ordinary server starts on it.
Result<void> try_out(const Copy& copy) {
  const auto& [manifest, data, installation, request] = copy;
  std::string scratch = "/tmp/howdah-export-XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) return fail_errno("make " + scratch, errno);
  const Temporary sockets(scratch, &os::remove_tree);
  if (::geteuid() == 0) {
    HOWDAH_CHECK(os::change_owner(scratch, request.owner.uid, request.owner.gid));
  }
  const os::Path log = os::Path(scratch) / "log";
  const auto pg_ctl = [&](std::vector<std::string> arguments) -> Result<os::Output> {
    os::SpawnOptions options;
    options.arguments = {
        installation.program("pg_ctl").string(), "-D", data.string(), "-s", "-w", "-t",
        std::to_string(kTrialLimitMs / 1000)};
    options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
    options.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
    options.working_directory = scratch;
    options.user = other_user(request.owner);
    return os::run(std::move(options), kTrialLimitMs + 10'000);
  };
  const std::string quiet =
      fmt::format("-c listen_addresses= -c unix_socket_directories={}", scratch);
  HOWDAH_TRY(const os::Output started, pg_ctl({"-l", log.string(), "-o", quiet, "start"}));
  if (started.exit_code != 0) {
    return fail(ErrorCode::instance_failed, "PostgreSQL does not start on the copy",
                fmt::format("can user {} enter {}?", request.owner.uid,
                            request.destination.parent_path().string()),
                started.text + instance::last_log_lines(log));
  }
  HOWDAH_TRY(const os::Output stopped, pg_ctl({"-m", "fast", "stop"}));
  if (stopped.exit_code == 0) return {};
  return fail(ErrorCode::instance_failed, "PostgreSQL does not stop on the copy", {}, stopped.text);
}

Result<void> give_name(const os::Path& made, const os::Path& destination) {
  HOWDAH_CHECK(sync_file_system(made));
  if (::rename(made.c_str(), destination.c_str()) != 0) {
    return fail_errno(fmt::format("rename {} to {}", made.string(), destination.string()), errno);
  }
  return os::sync_directory(destination.parent_path());
}

}  // namespace

Result<ExportRequest> export_request(const Flags& flags) {
  ExportRequest request;
  HOWDAH_TRY(const std::string to, flags.required("to"));
  request.destination = os::Path(to).lexically_normal();
  if (request.destination.filename().empty()) {
    request.destination = request.destination.parent_path();
  }
  if (!request.destination.is_absolute()) {
    return fail(ErrorCode::config_invalid, "flag --to must be an absolute path");
  }
  HOWDAH_TRY(const std::string owner, flags.required("owner"));
  const std::size_t colon = std::min(owner.find(':'), owner.size());
  const auto read = [](std::string_view text, unsigned& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  };
  const std::string_view text(owner);
  if (!read(text.substr(0, colon), request.owner.uid) ||
      !read(text.substr(std::min(colon + 1, text.size())), request.owner.gid) ||
      request.owner.uid == 0) {
    return fail(ErrorCode::config_invalid, "flag --owner must be UID:GID, and not root");
  }
  request.stop = flags.find("stop-it").has_value();
  request.progress = flags.find("progress").has_value();
  return request;
}

Task<Exported> export_instance(Standalone& folder, Manifest manifest, ExportRequest request) {
  HOWDAH_CO_CHECK(check_destination(request.destination));
  HOWDAH_CO_TRY(const auto installation, folder.installation_of(manifest));
  const os::Path unfinished =
      request.destination.parent_path() /
      fmt::format(".{}.unfinished", request.destination.filename().string());
  // Of an export that was killed.
  HOWDAH_CO_CHECK(os::remove_tree(unfinished));
  // Closed to the instance's own user, whose files they are for a while.
  HOWDAH_CO_CHECK(os::make_directory(unfinished, 0700));
  const Temporary made(unfinished, &os::remove_tree);
  const os::Path data = unfinished / "data";
  HOWDAH_CO_CHECK(os::make_directory(data, 0700));
  HOWDAH_CO_CHECK(folder.ours() ? co_await copy_alone(folder, manifest, data, request)
                                : co_await copy_served(folder, manifest, data, request));
  const Copy copy{manifest, data, installation, request};
  HOWDAH_CO_CHECK(make_plain(copy));
  HOWDAH_CO_CHECK(os::make_directory(unfinished, 0711));
  say(request, "starting and stopping it once");
  HOWDAH_CO_CHECK(try_out(copy));
  HOWDAH_CO_TRY(const ByteCount bytes, volume::bytes_below(data));
  HOWDAH_CO_CHECK(give_name(data, request.destination));
  co_return Exported{bytes, installation.bin_directory};
}

}  // namespace howdah::node
