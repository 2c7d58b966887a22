// SPDX-License-Identifier: Apache-2.0
// All instances of this node, and the holds on them: what the API's calls on one instance do.
//
// A sleeping instance is a unit in memory and nothing else: no loop here walks over all of them,
// except to list them. Owner: NodeService; one thread.
#pragma once
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/environment.h"
#include "node/instance_unit.h"

namespace howdah::node {

using UnitPtr = std::shared_ptr<InstanceUnit>;

class Registry {
 public:
  struct Parts {
    asio::any_io_executor executor;
    Environment& environment;
    PostmasterSource& source;
    Journal& journal;
    net::TaskGroup& transitions;
    net::TaskGroup& watchers;
  };
  explicit Registry(Parts parts);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // Called after every change of state.
  void observe(std::function<void(const UnitPtr&)> observer) { observer_ = std::move(observer); }
  // Asked before every start from now on.
  void set_admission(std::function<Task<void>(Manifest)> admit) {
    services_.admit = std::move(admit);
  }
  // For a start beside ensure_running(). Errors: memory_full.
  Task<void> admit(Manifest manifest);

  // Awaited at each start, when the instance accepts connections and before anybody is told so.
  void prepare_with(std::function<Task<void>(UnitPtr)> prepare) {
    services_.prepare = std::move(prepare);
  }
  // Awaited at each clean stop, while the instance still accepts connections.
  void look_last_with(std::function<Task<void>(UnitPtr)> look) {
    services_.look_last = std::move(look);
  }

  UnitPtr add(Manifest manifest);
  void erase(const UnitPtr& unit);
  // The unit has got its token.
  void note_claimed(const UnitPtr& unit);
  UnitPtr find(const InstanceId& id) const;             // null: there is none
  Result<UnitPtr> require(const InstanceId& id) const;  // Errors: not_found
  UnitPtr find_claimed(const std::string& token) const;
  // One of this data folder's range that no instance has, kept for an instance that is being made.
  // Errors: conflict.
  Result<uid_t> reserve_uid();
  void keep_uid(uid_t uid) { uids_.insert(uid); }
  // It was not made.
  void release_uid(uid_t uid);

  // Another one whenever instances, their tokens, their settings, or whether they are held back may
  // have changed; states do not count. Good for as long as this agent runs.
  std::uint64_t inventory_version() const { return inventory_version_; }
  void note_inventory_change() { ++inventory_version_; }

  // Those with processes, or in a transition.
  const std::set<UnitPtr>& active() const { return active_; }
  std::vector<UnitPtr> all() const;
  std::size_t claimed_count() const { return by_token_.size(); }
  std::size_t claimed_running_count() const;
  // How many instances of each major version are claimed; those with none may be missing.
  const std::map<int, std::size_t>& claimed_majors() const { return claimed_majors_; }
  nodeapi::Instance view(const InstanceUnit& unit) const;
  const Holds& holds() const { return holds_; }

  // Errors: not_found, instance_failed, timeout, rate_limited (too many holders).
  Task<nodeapi::Instance> acquire(InstanceId id, nodeapi::AcquireRequest request);
  std::vector<InstanceId> renew(const nodeapi::RenewRequest& request);
  void release(const InstanceId& id, const std::string& holder);  // none such: nothing happens
  Task<nodeapi::Instance> configure(InstanceId id, nodeapi::InstanceSettings settings);
  Task<nodeapi::Instance> stop(InstanceId id, bool force);
  Result<nodeapi::Instance> show(const InstanceId& id) const;
  // Ends holds whose time is over.
  void expire_holds();

 private:
  Task<void> save(Manifest manifest);
  void on_change(InstanceUnit& unit, InstanceState before);

  Environment& environment_;
  Journal& journal_;
  Holds holds_;
  net::Turns start_turns_;
  InstanceUnit::Services services_;
  std::function<void(const UnitPtr&)> observer_;
  std::unordered_map<InstanceId, UnitPtr> units_;
  std::unordered_map<std::string, UnitPtr> by_token_;
  std::map<int, std::size_t> claimed_majors_;
  std::uint64_t inventory_version_ = 0;
  std::set<uid_t> uids_;
  std::set<UnitPtr> active_;
};

}  // namespace howdah::node
