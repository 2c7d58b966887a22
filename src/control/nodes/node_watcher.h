// SPDX-License-Identifier: Apache-2.0
// Follows the node agent's journal, so the control plane knows the run state of every instance
// without asking (and without waking anything). Keeps the last known state while the agent is away.
// Owner: make_features; on the loop's thread.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/platform.h"
#include "nodeapi/messages.h"

namespace howdah::control {

class NodeWatcher final : public Feature {
 public:
  explicit NodeWatcher(Platform& platform);

  // Waits up to 30 s for the agent's first answer.
  Task<void> start() override;
  asio::awaitable<void> stop() override;

  // Empty: the node has no such instance.
  std::optional<nodeapi::InstanceState> state(const InstanceId& id) const;
  // Why it is in that state, in the node's words: "idle", "acquired by gate:4f2a".
  std::string reason(const InstanceId& id) const;
  const NodeId& node_id() const { return status_.node_id; }
  // As of the last answer, at most a minute old while reachable().
  const nodeapi::NodeStatus& status() const { return status_; }
  bool reachable() const { return reachable_; }
  // Instances by run state, spares included.
  std::map<nodeapi::InstanceState, std::int64_t> counts() const;

  // Applies a page as it comes from the journal. Public for tests.
  // Returns false when entries were missed: everything must be listed anew.
  bool apply(const nodeapi::JournalPage& page);
  void replace(const std::vector<nodeapi::Instance>& instances);

 private:
  struct Known {
    nodeapi::InstanceState state = nodeapi::InstanceState::stopped;
    std::string reason;
  };

  Task<void> list_anew();
  Task<void> follow();
  asio::awaitable<void> loop();

  Platform& platform_;
  net::TaskGroup tasks_;
  nodeapi::NodeStatus status_;
  std::map<InstanceId, Known> instances_;
  std::string boot_id_;
  std::uint64_t sequence_ = 0;
  bool reachable_ = false;
  bool saved_ = false;
};

}  // namespace howdah::control
