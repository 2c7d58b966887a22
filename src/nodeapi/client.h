// SPDX-License-Identifier: Apache-2.0
// Talks to one node agent. Errors: unavailable (the agent does not answer), instance_failed,
// instance_held, not_found, volume_full, timeout.
#pragma once
#include <string>
#include <vector>

#include "http/client.h"
#include "nodeapi/messages.h"

namespace howdah::nodeapi {

class Client {
 public:
  Client(asio::any_io_executor executor, std::string socket_path);

  Task<NodeStatus> status();
  Task<std::vector<Instance>> instances();
  // Another text than before: which instances there are, or their settings, may have changed.
  Task<std::string> inventory_version();
  Task<Instance> instance(InstanceId id);

  Task<Instance> claim(ClaimRequest request);
  Task<Instance> acquire(InstanceId id, AcquireRequest request);
  // Renews what `holder` holds, in one call. Instances it no longer holds are left out of the
  // answer.
  Task<std::vector<InstanceId>> renew(std::string holder, std::vector<InstanceId> ids,
                                      std::int64_t ttl_s);
  Task<void> release(InstanceId id, std::string holder);
  Task<Instance> configure(InstanceId id, InstanceSettings settings);
  // With from: the bytes from there on. Else those that end at before; neither: at the log's end.
  Task<LogPiece> log(InstanceId id, std::optional<std::uint64_t> from,
                     std::optional<std::uint64_t> before = {});
  // The roles that the platform has given a password, as they are inside. Never wakes it: those of
  // a stopped one are as they were seen last.
  Task<std::vector<RoleState>> roles(InstanceId id);
  // The platform's passwords of roles, durable when this returns and written inside when it runs,
  // else before its next first client. Errors: not_found; conflict when it is durable but a
  // transaction that changes roles keeps it from being written.
  Task<void> set_roles(InstanceId id, std::vector<RolePassword> passwords);
  // Stops cleanly. Errors: instance_held unless force.
  Task<Instance> stop(InstanceId id, bool force);
  // Stops and deletes the data. Errors: instance_held unless force. Gone already: success.
  Task<void> remove(InstanceId id, bool force);

  // Waits until there is an entry after `sequence`, at most wait; then what there is.
  Task<JournalPage> journal(std::uint64_t sequence, milliseconds wait);
  // Moves all that it has out of the way and forgets it; nothing is deleted. Returns: the folder.
  // Errors: not_found, instance_held.
  Task<std::string> set_aside(InstanceId id);
  // The volume's new size. Returns: what there is then. Errors: invalid_request, volume_full,
  // unsupported.
  Task<NodeStatus> grow_volume(ByteCount size_bytes);
  // Stops every instance, the catalog last, unmounts the volume; then the agent ends.
  Task<void> shutdown();

 private:
  http::Client http_;
};

}  // namespace howdah::nodeapi
