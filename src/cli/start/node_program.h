// SPDX-License-Identifier: Apache-2.0
// howdah-node as a helper of one command, beside or without the agent (src/node/rescue.h).
#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/start/layout.h"
#include "os/process.h"

namespace howdah::cli {

class NodeProgram {
 public:
  // Starts it on the folder and waits for its answer, however long that takes. What it logs goes to
  // logs/howdah-rescue.log. progress: a descriptor for its words to people; -1: nowhere.
  // Errors: what it answered; not_found and forbidden when the folder is not there or not ours.
  static Result<NodeProgram> start(const Context& context, std::vector<std::string> arguments,
                                   int progress = -1);

  NodeProgram(NodeProgram&&) = default;
  NodeProgram& operator=(NodeProgram&&) = default;

  const boost::json::object& answer() const { return answer_; }
  // Lets it put everything in order, and waits. Errors: internal, with the log that says more.
  Result<void> finish();

 private:
  NodeProgram(os::Process process, os::UniqueFd input) noexcept
      : process_(std::move(process)), input_(std::move(input)) {}

  os::Process process_;
  os::UniqueFd input_;  // closing it asks the program to end
  os::UniqueFd folder_lock_;
  os::Path log_;
  boost::json::object answer_;
};

}  // namespace howdah::cli
