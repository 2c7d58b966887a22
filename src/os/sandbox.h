// SPDX-License-Identifier: Apache-2.0
// The wall around a program that strangers' input runs in: what this machine offers is found out
// once, then each program gets its own Confinement (docs/adr/2026-11-21-sandbox.md).
//
// As root: file tree, network, IPC and host name of its own, control groups, no capability. With or
// without: Landlock and a filter of system calls. Parts that the machine does not have are left out
// and named in degraded().
// Thread-safe after open(). All functions block.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "os/confinement.h"
#include "os/control_groups.h"
#include "os/file.h"

namespace howdah::os {

enum class SandboxMode { automatic, off, required };
Result<SandboxMode> parse_sandbox_mode(std::string_view text);  // "auto", "off", "required"

struct SandboxPlaces {
  Path folder;                          // for its own files; short-lived, passable for all
  std::string name;                     // of the control groups: one for each data folder
  std::vector<Path> program_folders;    // bin folders of what is started, beside the system's
  std::vector<std::string> user_names;  // users of the host that it must be able to look up
};

struct ConfineRequest {
  std::string name;             // of its control group
  std::vector<Path> read_only;  // its own folders
  std::vector<Path> writable;
  GroupLimits limits;
};

class Sandbox {
 public:
  // probe: a program with its arguments that ends at once with exit code 0: tried with each part.
  // Errors: unsupported in the mode `required` when a part is missing.
  static Result<std::unique_ptr<Sandbox>> open(SandboxMode mode, SandboxPlaces places,
                                               std::vector<std::string> probe);

  // "sandbox: network: ..." : one line for each part that is missing here.
  const std::vector<std::string>& degraded() const { return degraded_; }

  // Cost: 1 to 2 ms as root, with the program's start.
  Result<Confinement> confine(const ConfineRequest& request) const;
  // Ends what is left of a program, and removes its control group. Fine when there is none.
  Result<void> release(const std::string& name) const;
  // The same for all groups but those named.
  void release_others(const std::vector<std::string>& kept) const;
  // When nothing runs any more.
  void close() const;

 private:
  struct Parts {
    bool mounts = false;
    int namespaces = 0;  // CLONE_NEW*
    bool groups = false;
    bool landlock = false;
    bool call_filter = false;
  };

  Sandbox(SandboxPlaces places, std::vector<std::string> probe);
  Result<Confinement> confine(const ConfineRequest& request, const Parts& parts) const;
  Result<void> allow_files(const ConfineRequest& request, Confinement& confinement) const;
  Result<void> try_parts(const Parts& parts) const;
  void find_parts();
  void find_groups();

  const SandboxPlaces places_;
  const std::vector<std::string> probe_;
  const bool privileged_;
  std::vector<Path> program_folders_;  // with what stands beside them: lib, share
  Parts parts_;
  GroupTree groups_{{}};
  std::vector<std::string> degraded_;
};

}  // namespace howdah::os
