// SPDX-License-Identifier: Apache-2.0
#include "node/inventory.h"

#include <algorithm>

#include "base/log.h"
#include "node/orphans.h"
#include "node/owner.h"
#include "nodeapi/messages.h"

namespace howdah::node {
namespace {

namespace fs = std::filesystem;

Result<std::vector<InstanceId>> ids_below(const os::Path& directory) {
  std::vector<InstanceId> ids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    if (nodeapi::is_instance_id(name)) ids.emplace_back(name);
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail_errno("list " + directory.string(), error.value());
  }
  return ids;
}

}  // namespace

Result<Inventory> read_inventory(const Environment& environment) {
  Inventory inventory;
  HOWDAH_TRY(const std::vector<InstanceId> ids, ids_below(environment.instances()));
  for (const InstanceId& id : ids) {
    auto manifest = read_manifest(environment.place_of(id).directory);
    if (manifest && manifest->id == id) {
      inventory.instances.push_back(std::move(*manifest));
    } else if (!manifest && manifest.error().code == ErrorCode::not_found) {
      inventory.half_made.push_back(id);
    } else {
      if (const auto uid = owner_of(environment.place_of(id).data())) {
        inventory.kept_uids.push_back(*uid);
      }
      log::error("node", "the instance {} is not served: its instance.json {}", id.str(),
                 manifest ? "names another" : "cannot be read: " + manifest.error().to_log());
    }
  }
  // Set aside: nobody else may get their files by getting their user id.
  std::error_code none;
  for (const auto& entry :
       fs::directory_iterator(environment.volume->root() / kOrphansFolder, none)) {
    if (const auto uid = owner_of(entry.path() / "data")) inventory.kept_uids.push_back(*uid);
  }
  HOWDAH_TRY(inventory.maybe_running, ids_below(environment.folder.instance_sockets()));
  return inventory;
}

}  // namespace howdah::node
