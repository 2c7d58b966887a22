// SPDX-License-Identifier: Apache-2.0
// `howdah doctor`: looks at everything that can be wrong on this machine and says what to do.
// Each check reads only; none wakes a database.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "cli/layout.h"
#include "nodeapi/messages.h"

namespace howdah::cli {

enum class Verdict { good, note, problem };

struct Finding {
  Verdict verdict;
  std::string subject;  // "PostgreSQL", "TLS certificate"
  std::string text;     // what is so
  std::string advice;   // what to do; empty when good
};

// Checks that need no running Howdah: servers, folder, space, volume image, certificate, backups.
// node: what a running node agent says of itself; it also knows the servers of --postgres-dir.
std::vector<Finding> examine_machine(const Layout& layout,
                                     const std::optional<nodeapi::NodeStatus>& node);

}  // namespace howdah::cli
