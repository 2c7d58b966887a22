// SPDX-License-Identifier: Apache-2.0
// Dumps of the catalog: pg_dump of its own major version into a file that appears under its name
// only when it is complete, read back and durable. Blocking: called through net::offload.
#pragma once
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/units.h"
#include "os/file.h"

namespace howdah::control {

// folder: DIR/backups/catalog. copy_folder: a second place, used when it can be written; empty:
// none (README.md, "Where catalog dumps go").
struct DumpFolders {
  os::Path folder;
  os::Path copy_folder;
  // The rule for a data folder: /var/backups/postgresql is the second place of the default one.
  static DumpFolders of_data_folder(const os::Path& data_dir);
};

struct DumpSource {
  std::string bin_directory;  // of the catalog's major version
  std::string socket_directory;
  std::string user;
  std::string database;
};

struct DumpFacts {
  os::Path path;
  Timestamp at;
  ByteCount size_bytes = 0;
  std::vector<std::string> warnings;  // the copy that could not be written
};

// Errors: io_error with the program's words; nothing is left behind then.
Result<DumpFacts> dump_catalog(const DumpSource& source, const DumpFolders& folders, Timestamp at);

// Deletes dumps older than 7 days, never the newest 7: a clock that jumps ahead deletes nothing
// that matters. Returns how many went.
Result<std::size_t> prune_dumps(const DumpFolders& folders, Timestamp at);

// Newest first.
Result<std::vector<DumpFacts>> list_dumps(const os::Path& folder);

}  // namespace howdah::control
