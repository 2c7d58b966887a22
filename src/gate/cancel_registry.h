// SPDX-License-Identifier: Apache-2.0
// The cancel keys this gate has given out, and where each leads. A client is told the process id of
// its server, which pg_backend_pid() and notifications name too, but a secret of the gate's own:
// processes of different instances may have the same id. Used on the gate's one thread.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "pgwire/message.h"
#include "pgwire/startup.h"

namespace howdah::gate {

struct CancelTarget {
  std::string socket_path;  // of the instance
  pgwire::BackendKey server_key;
};

class CancelRegistry {
  struct Key {
    std::string secret;
    CancelTarget target;
  };
  using Keys = std::multimap<std::uint32_t, Key>;  // by process id

 public:
  // Keeps one key valid; ends with the session. Must not outlive the registry.
  class Entry {
   public:
    Entry() = default;
    Entry(Entry&& other) noexcept;
    Entry& operator=(Entry&& other) noexcept;
    ~Entry();

    pgwire::BackendKey key() const;  // for the client
    const CancelTarget& target() const { return place_->second.target; }

   private:
    friend class CancelRegistry;
    Entry(CancelRegistry* registry, Keys::iterator place) : registry_(registry), place_(place) {}
    void end();

    CancelRegistry* registry_ = nullptr;
    Keys::iterator place_;
  };

  // The key: the server's process id, and 32 random bits (what protocol 3.0 has room for).
  Entry add(CancelTarget target);
  // Empty: no session has this key. Takes the same time for a wrong secret as for the right one.
  const CancelTarget* find(const pgwire::CancelRequest& request) const;
  std::size_t size() const { return keys_.size(); }

 private:
  Keys keys_;
};

}  // namespace howdah::gate
