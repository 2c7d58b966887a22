// SPDX-License-Identifier: Apache-2.0
// instance.json beside a data directory: all that the node must know of an instance to serve it.
// It is written last when an instance is made, so a directory without it is half-made. Whoever
// copies the directory copies the instance: nothing in it names its path.
// Format: docs/formats/instance-manifest.md.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/id.h"
#include "instance/size_class.h"
#include "os/file.h"

namespace howdah::node {

inline constexpr std::int64_t kManifestFormat = 1;

// A role that the platform has given a password. Texts of both passwords: "SCRAM-SHA-256$...",
// empty for none, or "!" and why it cannot be used: "!md5", "!malformed".
struct ManifestRole {
  std::string name;
  std::string password;   // the one that counts
  std::string inside;     // what was last seen or written in this very data directory
  bool can_login = true;  // as last seen
  std::optional<Timestamp> valid_until = {};
  std::optional<Timestamp> changed_at = {};  // found changed by SQL; empty: as the platform made it

  // Still to be written inside.
  bool is_pending() const { return password != inside && !password.starts_with('!'); }
};

struct Manifest {
  InstanceId id;
  std::string slug;
  std::string token;  // who claimed it; empty: a spare
  int pg_major = 0;
  int template_format = 0;  // of the template it was cloned from
  std::string hardening;    // instance::hardening_id() of what is inside; empty: none
  uid_t uid = 0;            // whom it runs as
  instance::SizeClass size_class = instance::SizeClass::nano;
  std::int64_t suspend_after_s = 300;
  std::int64_t max_connections = 20;
  std::int64_t storage_limit_bytes = 0;         // 0: none
  std::map<std::string, std::string> settings;  // of PostgreSQL, by its owner
  bool paused = false;                          // by hand or by policy: it refuses to start
  std::uint64_t system_identifier = 0;
  Timestamp created_at;
  // False until its files' new owner is known to survive a power cut; until then the owner is set
  // again before each start of the agent.
  bool owner_durable = false;
  std::vector<ManifestRole> roles;
  // Names the state of the roles that was last written or seen, and is noted inside too. A data
  // directory with another mark is an older one that was brought back. Both are accepted while the
  // mark is being changed.
  std::string mark, mark_before;

  bool is_spare() const { return token.empty(); }
  bool has_pending_roles() const;
};

std::string to_json_text(const Manifest& manifest);
// Errors: data_folder_unusable for a newer format, invalid_request for anything else that is wrong.
Result<Manifest> manifest_from_json(std::string_view text);

// directory: of the instance. Durable and atomic. Both block.
Result<void> write_manifest(const os::Path& directory, const Manifest& manifest);
// Errors: not_found for a half-made instance.
Result<Manifest> read_manifest(const os::Path& directory);

InstanceId make_instance_id();  // "i-" and 12 of [a-z0-9]
std::string make_slug();

}  // namespace howdah::node
