// SPDX-License-Identifier: Apache-2.0
#include "node/standalone.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "base/log.h"
#include "model/names.h"
#include "net/socket_io.h"
#include "node/folder_id.h"
#include "nodeapi/messages.h"
#include "os/mount.h"

namespace howdah::node {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNamedMax = 20;

std::string socket_in(const os::Path& directory) {
  return (directory / fmt::format(".s.PGSQL.{}", instance::kPort)).string();
}

}  // namespace

Result<Standalone> Standalone::open(Config config, os::Path private_runtime, bool in_use) {
  HOWDAH_CHECK(read_folder_id(config.data_dir));
  config.standalone = true;
  Standalone opened;
  opened.data_dir_ = config.data_dir;
  opened.runtime_dir_ = std::exchange(config.runtime_dir, private_runtime);
  opened.private_runtime_ = std::move(private_runtime);
  HOWDAH_TRY(const auto mounted, os::mounted_at(config.data_dir / "volume"));
  opened.was_mounted_ = mounted.has_value();
  HOWDAH_TRY(const Users users, find_users(config));
  HOWDAH_TRY(opened.installations_, find_postgres(config, users));
  if (!in_use) {
    auto environment = open_environment(config);
    if (environment) {
      opened.environment_ = std::move(*environment);
    } else if (environment.error().code != ErrorCode::already_running) {
      return std::unexpected(std::move(environment).error());
    }
  }
  if (auto read = opened.read_manifests(); !read) {
    (void)opened.close();
    return std::unexpected(std::move(read).error());
  }
  return opened;
}

Result<void> Standalone::read_manifests() {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(data_dir_ / "volume" / "instances", error)) {
    if (!nodeapi::is_instance_id(entry.path().filename().string())) continue;
    auto manifest = read_manifest(entry.path());
    // One without is half-made: nobody's, and the next agent takes it away.
    if (!manifest && manifest.error().code == ErrorCode::not_found) continue;
    if (!manifest) {
      log::warn("rescue", "{}: {}", entry.path().string(), manifest.error().to_log());
    } else if (!manifest->is_spare()) {
      manifests_.push_back(std::move(*manifest));
    }
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno("list the instances of " + data_dir_.string(), error.value());
  }
  std::ranges::sort(manifests_, {}, &Manifest::created_at);
  return {};
}

Result<Manifest> Standalone::find(const std::string& name) const {
  const auto names = [&name](const Manifest& manifest) {
    return manifest.id.str() == name || manifest.slug == name || manifest.token == name ||
           tenant_database(manifest.slug) == name || owner_role(manifest.slug) == name;
  };
  const auto found = std::ranges::find_if(manifests_, names);
  if (found != manifests_.end()) return *found;
  std::string known;
  for (const Manifest& manifest : manifests_ | std::views::take(kNamedMax)) {
    known += (known.empty() ? "" : ", ") + manifest.slug;
  }
  return fail(ErrorCode::not_found, fmt::format("no database '{}' in {}", name, data_dir_.string()),
              known.empty() ? "there is none in this folder"
                            : "names of people are in the catalog only; here are: " + known);
}

Result<instance::PostgresInstallation> Standalone::installation_of(const Manifest& manifest) const {
  return instance::choose_installation(installations_, manifest.pg_major);
}

os::Path Standalone::running_at(const Manifest& manifest) const {
  for (const os::Path& runtime : {runtime_dir_, private_runtime_}) {
    os::Path directory = runtime / "i" / manifest.id.str();
    if (net::SocketIo::connect_unix(socket_in(directory))) return directory;
  }
  return {};
}

Result<void> Standalone::close() {
  Result<void> closed;
  if (environment_) {
    // What was mounted before serves somebody: what a crash left running, or the next start.
    environment_->sandbox->close();
    if (!was_mounted_) closed = environment_->volume->close();
    environment_->pool.join();
    environment_.reset();
    (void)os::remove_tree(private_runtime_);
  }
  return closed;
}

}  // namespace howdah::node
