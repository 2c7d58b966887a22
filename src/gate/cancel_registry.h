// SPDX-License-Identifier: Apache-2.0
// The cancel keys this gate has given out, and where each leads. A client never sees the key of its
// instance: instances of different tenants may give out the same one, and it would name a process.
// Used on the gate's one thread.
#pragma once
#include <cstdint>
#include <string>
#include <unordered_map>

#include "pgwire/message.h"
#include "pgwire/startup.h"

namespace howdah::gate {

struct CancelTarget {
  std::string socket_path;  // of the instance
  pgwire::BackendKey server_key;
};

class CancelRegistry {
 public:
  // Keeps one key valid; ends with the session. Must not outlive the registry.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept;
    Entry& operator=(Entry&& other) noexcept;
    ~Entry();

    pgwire::BackendKey key() const;  // for the client
    const CancelTarget& target() const;

   private:
    friend class CancelRegistry;
    Entry(CancelRegistry* registry, std::uint32_t process_id)
        : registry_(registry), process_id_(process_id) {}

    CancelRegistry* registry_ = nullptr;
    std::uint32_t process_id_ = 0;
  };

  // The key is random: a "process id" that no other session here has, and 32 secret bits (what
  // protocol 3.0 has room for).
  Entry add(CancelTarget target);
  // Empty: no session has this key. Takes the same time for a wrong secret as for the right one.
  const CancelTarget* find(const pgwire::CancelRequest& request) const;
  std::size_t size() const { return keys_.size(); }

 private:
  struct Key {
    std::string secret;
    CancelTarget target;
  };
  std::unordered_map<std::uint32_t, Key> keys_;  // by process id
};

}  // namespace howdah::gate
