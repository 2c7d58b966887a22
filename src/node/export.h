// SPDX-License-Identifier: Apache-2.0
// An instance as a plain data directory, which PostgreSQL starts by itself: `pg_ctl -D DIR start`.
//
// The copy is of one moment: a snapshot of a live instance where the volume can, else of a stopped
// one. It is made beside its final name, given the configuration of an ordinary server, started
// and stopped once by its new owner (which recovers it and shows that it starts), made durable, and
// only then named. A failure leaves nothing. Everything blocks; seconds to hours, by its size.
#pragma once
#include <string>

#include "base/flags.h"
#include "net/task.h"
#include "node/standalone.h"

namespace howdah::node {

struct ExportRequest {
  os::Path destination;   // absolute; missing or an empty directory
  os::UserIds owner{};    // never root: PostgreSQL refuses to run as root
  bool stop = false;      // stop an instance that runs where only stopped ones can be copied
  bool progress = false;  // lines for people on standard output
};
// Flags --to, --owner UID:GID, --stop-it, --progress. Errors: config_invalid.
Result<ExportRequest> export_request(const Flags& flags);

struct Exported {
  ByteCount bytes = 0;
  os::Path bin_directory;  // of the PostgreSQL that it was tried with
};
// Errors: conflict (the destination is there, or the instance runs and cannot be copied so),
// volume_full, no_postgres, instance_failed when the copy does not start, and of the node's API.
Task<Exported> export_instance(Standalone& folder, Manifest manifest, ExportRequest request);

// The files of an ordinary server. owner_name: the OS user who may be its superuser.
std::string plain_postgresql_conf(const Manifest& manifest);
std::string plain_hba_conf();
std::string plain_ident_conf(const std::string& owner_name);
std::string plain_readme(const Manifest& manifest, const os::Path& directory,
                         const os::Path& bin_directory);

}  // namespace howdah::node
