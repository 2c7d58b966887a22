// SPDX-License-Identifier: Apache-2.0
// Which PostgreSQL servers this machine has. Looked up once at the start of the node agent.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "os/file.h"

namespace howdah::instance {

inline constexpr int kMajorMin = 13;
inline constexpr int kMajorMax = 18;

struct PostgresInstallation {
  int major = 0;
  std::string version;  // "15.18"
  os::Path bin_directory;

  os::Path program(std::string_view name) const { return bin_directory / name; }
};

struct InstallationSearch {
  // --postgres-dir: each is a bin folder, or holds bin/ (the layout of the embedded packages).
  std::vector<os::Path> extra_directories;
  os::Path debian_root = "/usr/lib/postgresql";  // <root>/<major>/bin
  bool search_path = true;                       // then the folders of $PATH
};

// At most one for each supported major, oldest first: the last is the default for new databases.
// An extra directory wins over Debian's; $PATH is looked at only when neither has any.
// Errors: no_postgres when none is usable (the hint says what to install); config_invalid for an
// extra directory without a usable server. Blocks; runs `postgres --version` for each candidate.
Result<std::vector<PostgresInstallation>> find_installations(const InstallationSearch& search);

// Errors: no_postgres naming the major and those that are there. major 0: the newest.
Result<PostgresInstallation> choose_installation(const std::vector<PostgresInstallation>& found,
                                                 int major);

// "postgres (PostgreSQL) 15.18 (Debian 15.18-1)" -> major 15, version "15.18" and no folder.
// Errors: invalid_request for any other text.
Result<PostgresInstallation> parse_postgres_version(std::string_view text);

}  // namespace howdah::instance
