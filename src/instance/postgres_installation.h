// SPDX-License-Identifier: Apache-2.0
// Which PostgreSQL servers this machine has. Looked up once at the start of the node agent.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::instance {

inline constexpr int kMajorMin = 13;
inline constexpr int kMajorMax = 18;

struct PostgresInstallation {
  int major = 0;
  std::string version;  // "15.18"
  os::Path bin_directory;
  bool has_client_tools = false;  // pg_dump and pg_restore stand beside the server

  os::Path program(std::string_view name) const { return bin_directory / name; }
};

struct InstallationSearch {
  // --postgres-dir: each is a bin folder, or holds bin/ (a server unpacked somewhere), or holds
  // <major>/bin (as below /usr/lib/postgresql).
  std::vector<os::Path> extra_directories;
  // As root: a user without rights of its own, who must be able to run the server.
  std::optional<os::UserIds> run_as;
  os::Path debian_root = "/usr/lib/postgresql";  // <root>/<major>/bin
  bool search_path = true;                       // then the folders of $PATH
};

// At most one for each supported major, oldest first: the last is the default for new databases.
// An extra directory wins over Debian's; $PATH is looked at only when neither has any.
// Errors: no_postgres when none is usable (the hint says what to install); config_invalid for an
// extra directory without a usable server. Blocks; runs `postgres --version` for each candidate.
// Of two extra directories with the same major, the first wins.
Result<std::vector<PostgresInstallation>> find_installations(const InstallationSearch& search);

// Errors: no_postgres naming the major, those that are there and what to install. major 0: the
// newest.
Result<PostgresInstallation> choose_installation(const std::vector<PostgresInstallation>& found,
                                                 int major);

// What to do about data of a major version that is not installed.
std::string missing_major_hint(int major);

// "postgres (PostgreSQL) 15.18 (Debian 15.18-1)" -> major 15, version "15.18" and no folder.
// Errors: invalid_request for any other text.
Result<PostgresInstallation> parse_postgres_version(std::string_view text);

}  // namespace howdah::instance
