// SPDX-License-Identifier: Apache-2.0
// What `howdah service install` puts on a machine: a systemd unit that runs `howdah up`, and links,
// man pages and completions for everybody. docs/adr/2026-11-21-one-unit.md says why one unit.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"
#include "cli/shell/completion.h"
#include "cli/shell/manual.h"
#include "cli/start/layout.h"

namespace howdah::cli {

struct ServiceSettings {
  Layout layout;
  os::Path program;                    // of `howdah`; the daemons are beside it
  std::vector<std::string> arguments;  // for `howdah up`, besides --data-dir
  bool system = true;                  // for the machine; else for this user
  os::Path home;                       // of this user
  os::Path destination;                // stands before every path: for packages and images
};

// "howdah.service" for the default data folder, "howdah-1a2b3c4d.service" for another.
std::string unit_name(const ServiceSettings& settings);
std::string unit_text(const ServiceSettings& settings);
os::Path unit_file(const ServiceSettings& settings);
os::Path unit_folder(const ServiceSettings& settings);

struct PlacedFile {
  os::Path path;
  std::string content;  // of a link: what it points at
  bool link = false;
};
// Everything that is shared by all units of this user or machine: links, man pages, completions.
std::vector<PlacedFile> shared_files(const ServiceSettings& settings,
                                     const std::vector<ManualPage>& pages);

// Writes them, with their folders. Errors: conflict for a path where something else is; io_error.
Result<void> place_files(const std::vector<PlacedFile>& files);
// Takes away those that place_files() wrote, by any version. Returns: the paths.
Result<std::vector<os::Path>> take_away_files(const std::vector<PlacedFile>& files);

// systemd runs on this machine (or, without root, for this user).
bool has_service_manager(bool system);
// systemctl with these words. Errors: io_error with what it said; timeout.
Result<std::string> service_manager(bool system, const std::vector<std::string>& words);

// Tells the service manager that started this process, if one did ("READY=1").
void notify_service_manager(std::string_view state);

}  // namespace howdah::cli
