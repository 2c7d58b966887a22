// SPDX-License-Identifier: Apache-2.0
// API keys and the authentication of every call. All live keys are kept in memory (a key that
// nobody made costs no SQL), the catalog holds their SHA-256 only.
// Owner: Service; on the loop's thread.
#pragma once
#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/api_keys/api_key.h"
#include "control/api_keys/session_keys.h"
#include "control/audit/audit_log.h"
#include "control/etag.h"
#include "http/message.h"
#include "pg/pool.h"

namespace howdah::control {

struct NewApiKey {
  std::string name;
  Scope scope = Scope::read;
  std::optional<DatabaseId> database_id = {};
  std::optional<Timestamp> expires_at = {};
};

class ApiKeys {
 public:
  static constexpr std::size_t kKeysMax = 10'000;

  // trusted_uids: peers of the control socket that need no key. sessions_file: where session keys
  // outlive a restart of howdahd (in the runtime folder).
  ApiKeys(pg::Pool& pool, const AuditLog& audit, std::set<uid_t> trusted_uids,
          os::Path sessions_file);

  // Reads all live keys.
  Task<void> load();
  // Writes last_used_at of the keys used since the last call, and loads.
  Task<void> refresh();
  // The key of --preset-key-file: replaces an earlier preset; one that was revoked stays revoked.
  Task<void> preset(std::string key);

  // X-API-Key, or Authorization: Bearer, or a trusted local peer. Errors: unauthorized, the same
  // for unknown, expired and revoked. Cost: one SHA-256, no I/O.
  Result<Principal> authenticate(const http::Request& request);
  // Still valid: for streams that outlive the request's beginning. Keyless callers: true.
  bool still_valid(const Principal& caller) const;
  // Ends all streams: howdahd is stopping.
  void end_streams() { streams_end_ = true; }

  struct Made {
    ApiKey facts;
    std::string key;  // shown once
  };
  Task<Made> create(NewApiKey wanted, Principal caller, std::string request_id);
  // Admin, for as long as the process `pid` lives. Errors: not_found when it is gone.
  Result<Made> create_session(std::string name, const Principal& caller, pid_t pid);
  struct Revocation {
    std::string id;  // UUID
    Preconditions preconditions = {};
    Principal caller;
    std::string request_id;
  };
  // From the moment this returns, no call with the key is let in.
  // Errors: not_found, precondition_failed.
  Task<ApiKey> revoke(Revocation wanted);

 private:
  const ApiKey* find(std::string_view key);
  Principal principal_of(const ApiKey& key, const http::Request& request);
  Result<Principal> trusted_peer(const http::Request& request);
  Task<ApiKey> insert(ApiKey key, Principal caller, std::string request_id, pg::Connection& into);
  Task<ApiKey> mark_revoked(Revocation wanted, pg::Connection& in);
  Task<bool> replace_preset(ApiKey key, pg::Connection& in);

  pg::Pool& pool_;
  const AuditLog& audit_;
  std::set<uid_t> trusted_uids_;
  SessionKeys sessions_;
  std::map<std::string, ApiKey, std::less<>> live_;  // by prefix
  std::map<std::string, Timestamp> used_;            // by id, not yet written
  std::map<uid_t, std::string> user_names_;
  bool streams_end_ = false;
  std::uint64_t changes_ = 0;  // keys made or revoked: a load that overlaps one starts again
};

}  // namespace howdah::control
