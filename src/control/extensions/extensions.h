// SPDX-License-Identifier: Apache-2.0
// Extensions of a database: listed, installed and removed by the platform, since users are no
// superusers. A change wakes the instance and holds it; a list never does.
// Owner: make_features; on the loop's thread.
#pragma once
#include "control/databases/database.h"
#include "control/extensions/extension.h"
#include "control/nodes/node_watcher.h"
#include "control/platform.h"

namespace howdah::control {

class Extensions final : public Feature {
 public:
  Extensions(Platform& platform, const NodeWatcher& nodes) : platform_(platform), nodes_(nodes) {}

  void add_routes(Routes& routes) override;

 private:
  enum class What { install, remove };
  struct Change {
    What what = What::install;
    Database database;
    NewExtension extension;
    Principal caller;
    std::string request_id;
  };

  Task<http::Response> list(Call call);
  Task<http::Response> install(Call call);
  Task<http::Response> remove(Call call);
  Task<void> carry_out(Change change);
  Task<void> change_awake(const Change& change, std::string socket_directory);
  Task<void> store_trace(AuditEntry entry, Principal caller, pg::Connection& connection);
  // Now where it runs, else as it was seen last.
  Task<ExtensionView> view(const Database& database);
  Task<http::Response> answer(int status, const Database& database, std::string name,
                              std::string message);

  Platform& platform_;
  const NodeWatcher& nodes_;
};

}  // namespace howdah::control
