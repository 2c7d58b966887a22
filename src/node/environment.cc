// SPDX-License-Identifier: Apache-2.0
#include "node/environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/log.h"
#include "instance/template.h"
#include "model/names.h"

namespace howdah::node {
namespace {

Result<std::unique_ptr<volume::Volume>> open_volume(const Config& config) {
  if (!std::filesystem::exists(config.data_dir / "volume")) {
    log::info("node", "making the volume in {}", config.data_dir.string());
  }
  HOWDAH_TRY(auto volume,
             volume::open_volume({config.data_dir, config.volume, config.volume_size}));
  HOWDAH_TRY(const os::DiskSpace space, volume->space());
  log::info("node", "volume: {}, {} of {} free", volume->driver(), to_pretty(space.free_bytes),
            to_pretty(space.size_bytes));
  return volume;
}

}  // namespace

Result<std::vector<instance::PostgresInstallation>> find_postgres(const Config& config,
                                                                  const Users& users) {
  instance::InstallationSearch search;
  search.extra_directories = config.postgres_dirs;
  if (users.privileged) search.run_as = users.control;
  auto found = instance::find_installations(search);
  HOWDAH_CHECK(found);
  for (const auto& one : *found) {
    log::info("node", "PostgreSQL {} in {}", one.version, one.bin_directory.string());
  }
  return found;
}

namespace {

// Its file tree has the servers' folders; the newest server is what the machine's offer is tried
// with, since that is what has to work in it.
Result<std::unique_ptr<os::Sandbox>> open_sandbox(const Environment& environment) {
  os::SandboxPlaces places;
  places.folder = environment.folder.runtime_dir / "sandbox";
  places.name = "howdah-" + environment.folder.folder_id;
  for (const auto& one : environment.installations) {
    places.program_folders.push_back(one.bin_directory);
  }
  const Users& users = environment.users;
  for (const std::string& name : {users.agent_name, users.control_name, users.gate_name}) {
    if (std::ranges::find(places.user_names, name) == places.user_names.end()) {
      places.user_names.push_back(name);
    }
  }
  return os::Sandbox::open(
      environment.config.sandbox, std::move(places),
      {environment.installations.back().program("postgres").string(), "--version"});
}

}  // namespace

bool Environment::has_major(int pg_major) const {
  return std::ranges::find(installations, pg_major, &instance::PostgresInstallation::major) !=
         installations.end();
}

const instance::PostgresInstallation& Environment::catalog_installation() const {
  const auto found = std::find_if(installations.rbegin(), installations.rend(),
                                  [](const auto& one) { return one.has_client_tools; });
  return found == installations.rend() ? installations.back() : *found;
}

instance::InstancePlace Environment::place_of(const InstanceId& id) const {
  return {instances() / id.str(), folder.instance_sockets() / id.str()};
}

instance::InstancePlace Environment::template_place(int pg_major) const {
  const std::string name = instance::template_name(pg_major);
  return {volume->root() / "templates" / name, folder.instance_sockets() / ("t-" + name)};
}

instance::InstancePlace Environment::catalog_place() const {
  return {folder.catalog(), folder.instance_sockets() / "catalog"};
}

std::optional<os::UserIds> Environment::user_of(uid_t uid) const {
  if (!users.privileged) return std::nullopt;
  return os::UserIds{uid, uid};  // a group of its own too
}

uid_t Environment::catalog_uid() const {
  return users.privileged ? uids.first : ::geteuid();
}

std::optional<gid_t> Environment::socket_group() const {
  if (!users.privileged) return std::nullopt;
  return users.control.gid;
}

instance::InstanceConfig Environment::instance_config(const Manifest& manifest) const {
  instance::InstanceConfig result;
  result.pg_major = manifest.pg_major;
  result.size_class = manifest.size_class;
  result.max_connections = manifest.max_connections;
  for (const auto& [name, value] : manifest.settings) result.settings.push_back({name, value});
  result.platform_users = {users.agent_name};
  if (users.control_name != users.agent_name) result.platform_users.push_back(users.control_name);
  result.gate_users = {users.gate_name};
  if (users.gate_name != users.agent_name) result.gate_users.push_back(users.agent_name);
  result.roles = {owner_role(manifest.slug)};
  return result;
}

instance::StartRequest Environment::start_request(const Manifest& manifest,
                                                  instance::InstancePlace place) const {
  instance::StartRequest request;
  request.place = std::move(place);
  request.config = instance_config(manifest);
  request.user = user_of(manifest.uid);
  request.socket_group = socket_group();
  request.sandbox = sandbox.get();
  request.limits = instance::group_limits(
      manifest.size_class,
      instance::server_connections(manifest.size_class, manifest.max_connections),
      !manifest.settings.empty());
  return request;
}

Result<std::unique_ptr<Environment>> open_environment(const Config& config) {
  auto environment = std::make_unique<Environment>();
  environment->config = config;
  HOWDAH_TRY(environment->users, find_users(config));
  HOWDAH_TRY(environment->folder, open_folder(config, environment->users));
  HOWDAH_TRY(environment->installations, find_postgres(config, environment->users));
  HOWDAH_TRY(const os::MemoryInfo memory, config.memory());
  environment->size_class = instance::default_size_class(memory.total_bytes);
  if (!config.size_class.empty()) {
    auto size_class = instance::parse_size_class(config.size_class);
    if (!size_class) {
      return fail(ErrorCode::config_invalid, "flag --size-class: " + size_class.error().message,
                  size_class.error().hint);
    }
    environment->size_class = *size_class;
  }
  if (environment->users.privileged) {
    HOWDAH_TRY(environment->uids, os::lease_uids({.data_dir = config.data_dir,
                                                  .folder_id = environment->folder.folder_id,
                                                  .lease_file = config.uid_lease_file}));
  } else {
    environment->degraded.push_back(
        "not root: every instance runs as the user " + environment->users.agent_name +
        ", so only what the kernel gives to all users stands between databases");
  }
  HOWDAH_TRY(environment->sandbox, open_sandbox(*environment));
  for (const std::string& line : environment->sandbox->degraded()) {
    environment->degraded.push_back(line);
  }
  HOWDAH_TRY(environment->volume, open_volume(config));
  if (!environment->volume->degraded().empty()) {
    environment->degraded.push_back(environment->volume->degraded());
  }
  for (const std::string& line : environment->degraded) log::info("node", "degraded: {}", line);
  return environment;
}

}  // namespace howdah::node
