// SPDX-License-Identifier: Apache-2.0
// What a node agent is asked and answers (docs/formats/node-api.md). Gate and control plane see a
// node only through these and nodeapi/client.h.
//
// Reading is strict: a missing field, a wrong type or a value out of range is invalid_request and
// names every fault. Unknown fields are refused in requests; in answers they are ignored, so that a
// gate keeps working while its node is already a newer version. Values only: any thread.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "base/units.h"
#include "http/message.h"

namespace howdah::nodeapi {

enum class InstanceState { stopped, starting, running, stopping, failed };
std::string_view to_string(InstanceState state);

// Names a holder: [a-z0-9][a-z0-9:._-]{0,79}, so that it can stand in a path.
bool is_holder(std::string_view text);
bool is_instance_id(std::string_view text);  // [a-z0-9-]{1,40}

struct Hold {
  std::string holder;  // "gate:4f2a", "job:8c1e"
  std::string reason;
  Timestamp expires_at;
};

// Settings of PostgreSQL that the owner chose (model/server_settings.h), as they are written.
using ServerSettings = std::map<std::string, std::string>;

// Run state of one instance, as the node knows it.
struct Instance {
  InstanceId id;
  InstanceState state = InstanceState::stopped;
  std::string slug;   // chosen when its spare was prepared
  std::string token;  // who claimed it (a branch id); empty: a spare
  int pg_major = 0;
  std::string size_class;
  std::string socket_directory;  // absolute; port is always 5432
  std::uint64_t system_identifier = 0;
  std::int64_t suspend_after_s = 300;  // 0: never
  std::int64_t max_connections = 20;
  std::int64_t storage_limit_bytes = 0;  // 0: none
  // Allocated bytes of its data directory without pg_wal, as last measured: every 30 s at least
  // while it runs. Empty: not since the agent started.
  std::optional<std::int64_t> storage_bytes;
  bool storage_full = false;  // the limit is reached: transactions only read unless they ask
  // It grew most when the volume was full: suspended, or only reads, until there is room.
  bool held_back = false;
  ServerSettings settings;
  bool paused = false;  // refuses to start
  std::optional<std::int64_t> pid;
  std::string last_failure;  // public text, with the last lines of its log; empty: none
  Timestamp last_activity;   // last hold released, or start
  std::vector<Hold> holds;
};

// Takes a prepared spare, or makes an instance where none is ready. Asking again with the same
// token returns the same instance. It has role user_<slug> (owner) and logical databases
// tenant_<slug>, tenant_<slug>_shadow, and is running or stopped.
struct ClaimRequest {
  std::string token;
  int pg_major = 0;        // 0: the node's default
  std::string size_class;  // empty: the node's default
  std::int64_t suspend_after_s = 300;
  std::int64_t max_connections = 20;
  std::int64_t storage_limit_bytes = 0;  // 0: none
  ServerSettings settings = {};
  std::string owner_verifier;  // SCRAM verifier stored for user_<slug>; empty: set later
};

// Makes sure the instance runs and takes or renews a hold, in one step.
struct AcquireRequest {
  std::string holder;
  std::string reason;
  std::int64_t ttl_s = 60;
};

// Renews what `holder` holds on each of ids (at most kRenewMax).
inline constexpr std::size_t kRenewMax = 10'000;
struct RenewRequest {
  std::string holder;
  std::vector<InstanceId> ids;
  std::int64_t ttl_s = 60;
};

// A role as its instance has it. The verifier is text from a hostile place.
struct RoleState {
  std::string name;
  std::string verifier;  // "SCRAM-SHA-256$..."; empty: no password of it can be used
  std::string problem;   // why not: "none", "md5", "malformed"; empty with a verifier
  bool can_login = true;
  std::optional<Timestamp> valid_until = {};
  // When it was found changed by SQL; empty: it is as the platform has made it.
  std::optional<Timestamp> changed_at = {};
};

// The platform's own password of a role: from now on, whatever the instance has.
struct RolePassword {
  std::string name;
  std::string verifier;
};
inline constexpr std::size_t kRolesMax = 1'000;

struct StopRequest {
  bool force = false;  // stop although someone holds it
};

struct InstanceSettings {
  std::optional<std::int64_t> suspend_after_s;
  std::optional<std::int64_t> max_connections;      // takes effect at the next start
  std::optional<std::string> size_class;            // the same
  std::optional<ServerSettings> settings;           // the same; all of them
  std::optional<std::int64_t> storage_limit_bytes;  // 0: none; in force within a second
  // From the answer on, every start is refused (database_paused); one that runs is left alone.
  std::optional<bool> paused;
};

struct PostgresVersion {
  int major = 0;
  std::string version;  // "15.18"
  std::string bin_directory;
};

// A major version that claimed instances need and the machine has not: they cannot be woken.
struct MissingPostgres {
  int major = 0;
  std::int64_t instances = 0;
};

struct NodeStatus {
  NodeId node_id;
  std::string version;
  std::string volume_driver;
  ByteCount volume_size_bytes = 0;
  ByteCount volume_free_bytes = 0;
  std::string volume_state = "ok";  // "low": new databases are refused; "full": growth is suspended
  ByteCount volume_ballast_bytes = 0;
  ByteCount volume_refuse_bytes = 0;   // free space below which it is low
  ByteCount volume_suspend_bytes = 0;  // and full
  bool volume_can_grow = false;        // it is an image of its own
  std::int64_t instances_held_back = 0;
  std::vector<PostgresVersion> postgres;  // newest last
  std::vector<MissingPostgres> missing_postgres;
  int pg_major_default = 0;
  std::int64_t instances = 0;
  std::int64_t instances_running = 0;
  std::int64_t spares_ready = 0;
  std::vector<std::string> degraded;  // one line each: what part of the wall is missing and why
  std::string catalog_socket_directory;
};

// One change of run state. sequence grows by one each; boot_id changes when the node agent starts,
// after which a reader lists all instances anew.
struct JournalEntry {
  std::uint64_t sequence = 0;
  Timestamp at;
  InstanceId instance_id;
  InstanceState state = InstanceState::stopped;
  std::string reason;  // "idle", "acquired by gate:4f2a", "exit 1", ...
};
struct JournalPage {
  std::string boot_id;
  std::vector<JournalEntry> entries;
};

// A piece of an instance's server log: raw bytes, which the tenant chose a part of. Positions count
// bytes since the log began, also those that are not kept any more.
inline constexpr ByteCount kLogPieceMax = 1_MiB;
struct LogPiece {
  std::uint64_t begin = 0;  // of text
  std::uint64_t first = 0;  // what is kept: [first, last)
  std::uint64_t last = 0;
  std::string text;
};
// Not JSON: what is logged need not be UTF-8.
http::Response to_response(LogPiece);
Result<LogPiece> log_piece_from_response(http::Response);

boost::json::value to_json(const Instance&);
boost::json::value to_json(const ClaimRequest&);
boost::json::value to_json(const AcquireRequest&);
boost::json::value to_json(const RenewRequest&);
boost::json::value to_json(const StopRequest&);
boost::json::value to_json(const InstanceSettings&);
boost::json::value to_json(const NodeStatus&);
boost::json::value to_json(const JournalPage&);
boost::json::value instances_to_json(const std::vector<Instance>&);
boost::json::value renewed_to_json(const std::vector<InstanceId>&);

boost::json::value volume_size_to_json(ByteCount size_bytes);
Result<ByteCount> volume_size_from_json(const boost::json::value&);

boost::json::value roles_to_json(const std::vector<RoleState>&);
boost::json::value role_passwords_to_json(const std::vector<RolePassword>&);

Result<Instance> instance_from_json(const boost::json::value&);
Result<ClaimRequest> claim_request_from_json(const boost::json::value&);
Result<AcquireRequest> acquire_request_from_json(const boost::json::value&);
Result<RenewRequest> renew_request_from_json(const boost::json::value&);
Result<StopRequest> stop_request_from_json(const boost::json::value&);  // null: the defaults
Result<InstanceSettings> instance_settings_from_json(const boost::json::value&);
Result<NodeStatus> node_status_from_json(const boost::json::value&);
Result<JournalPage> journal_page_from_json(const boost::json::value&);
Result<std::vector<Instance>> instances_from_json(const boost::json::value&);
Result<std::string> inventory_version_from_json(const boost::json::value&);
Result<std::vector<InstanceId>> renewed_from_json(const boost::json::value&);
Result<std::vector<RoleState>> roles_from_json(const boost::json::value&);
Result<std::vector<RolePassword>> role_passwords_from_json(const boost::json::value&);

}  // namespace howdah::nodeapi
