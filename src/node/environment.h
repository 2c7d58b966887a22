// SPDX-License-Identifier: Apache-2.0
// What every part of the agent stands on, set up once at start: settings, folders, users, volume,
// PostgreSQL installations. Read-only afterwards, so the pool's threads may use it too.
// Owner: NodeService.
#pragma once
#include <boost/asio/thread_pool.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "instance/instance_process.h"
#include "node/config.h"
#include "node/folder.h"
#include "node/manifest.h"
#include "os/sandbox.h"
#include "os/uid_lease.h"
#include "volume/volume.h"

namespace howdah::node {

struct Environment {
  Config config;
  Users users;
  Folder folder;
  std::unique_ptr<volume::Volume> volume;
  std::vector<instance::PostgresInstallation> installations;  // oldest first
  instance::SizeClass size_class = instance::SizeClass::nano;
  os::UidRange uids{0, 0};  // without root: empty
  std::unique_ptr<os::Sandbox> sandbox;
  std::vector<std::string> degraded;
  // Blocking work. Two threads: a slow deletion must not keep a claim waiting.
  asio::thread_pool pool{2};

  int pg_major_default() const { return installations.back().major; }
  bool has_major(int pg_major) const;
  // For a new catalog: the newest that can dump it, else the newest. It keeps that major for ever.
  const instance::PostgresInstallation& catalog_installation() const;

  // Relative to the volume.
  static std::string volume_path(const InstanceId& id) { return "instances/" + id.str(); }
  os::Path instances() const { return volume->root() / "instances"; }
  instance::InstancePlace place_of(const InstanceId& id) const;
  instance::InstancePlace template_place(int pg_major) const;
  instance::InstancePlace catalog_place() const;

  // Whom it runs as; empty: as the agent.
  std::optional<os::UserIds> user_of(uid_t uid) const;
  uid_t catalog_uid() const;
  std::optional<gid_t> socket_group() const;

  // Everything that an instance is started with, but for its installation.
  instance::StartRequest start_request(const Manifest& manifest,
                                       instance::InstancePlace place) const;
  // Everything that an instance is configured with.
  instance::InstanceConfig instance_config(const Manifest& manifest) const;
};

// The servers of this machine that instances can run on. Errors: as find_installations().
Result<std::vector<instance::PostgresInstallation>> find_postgres(const Config& config,
                                                                  const Users& users);

// Opens folder, uids, volume and PostgreSQL. Blocks; the first time it makes the volume.
// Errors: config_invalid, data_folder_unusable, already_running, no_postgres, volume_full.
Result<std::unique_ptr<Environment>> open_environment(const Config& config);

}  // namespace howdah::node
