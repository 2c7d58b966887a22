// SPDX-License-Identifier: Apache-2.0
// The data folder without an agent: what `howdah rescue` and `howdah db export` stand on when
// everything is down. Reads the manifests alone; neither catalog nor API is asked.
//
// Either the folder is ours (its lock is held, the volume was mounted where it was not), or a
// Howdah uses it: then nothing is touched, and only what runs already can be reached.
// Owner: program.cc; one thread, everything blocks.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "node/environment.h"

namespace howdah::node {

class Standalone {
 public:
  // in_use: somebody knows that a Howdah runs on the folder. private_runtime: for sockets of
  // instances that are started here; it goes with close().
  // Errors: as open_environment(), but for already_running; not_found where there is no folder.
  static Result<Standalone> open(Config config, os::Path private_runtime, bool in_use);

  Standalone(Standalone&&) = default;
  Standalone& operator=(Standalone&&) = default;

  bool ours() const { return environment_ != nullptr; }
  // Of ours() only.
  Environment& environment() { return *environment_; }

  const std::vector<Manifest>& manifests() const { return manifests_; }
  // By id, slug, token, or a name made of the slug (tenant_k3v9x2ab, user_k3v9x2ab).
  // Errors: not_found, with those that there are.
  Result<Manifest> find(const std::string& name) const;
  os::Path volume_root() const { return data_dir_ / "volume"; }
  std::string node_socket() const { return (runtime_dir_ / "node.sock").string(); }
  // Errors: no_postgres.
  Result<instance::PostgresInstallation> installation_of(const Manifest& manifest) const;
  // The socket directory of its postmaster, if one answers. Empty: none does.
  os::Path running_at(const Manifest& manifest) const;

  // Unmounts what was mounted here.
  Result<void> close();

 private:
  Standalone() = default;
  Result<void> read_manifests();

  os::Path data_dir_;
  std::vector<instance::PostgresInstallation> installations_;
  os::Path runtime_dir_;  // of the agent
  os::Path private_runtime_;
  bool was_mounted_ = false;
  std::unique_ptr<Environment> environment_;
  std::vector<Manifest> manifests_;
};

}  // namespace howdah::node
