// SPDX-License-Identifier: Apache-2.0
// Keys that live exactly as long as the process that asked for them: the key of connection.json
// ends with its `howdah up`, and survives a restart of howdahd through a file in the runtime folder
// that holds hashes only.
#pragma once
#include <sys/types.h>

#include <map>
#include <string>

#include "control/api_keys/api_key.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::control {

class SessionKeys {
 public:
  static constexpr std::size_t kKeysMax = 100;

  explicit SessionKeys(os::Path file);
  // Takes up those whose process still lives. Errors: none; what cannot be read is forgotten.
  void load();
  // Errors: not_found when the process is gone, too_large, io_error.
  Result<void> add(ApiKey key, pid_t pid);
  // nullptr: none of that prefix, or its process has ended.
  const ApiKey* find(std::string_view prefix);
  bool has(std::string_view id) const;

 private:
  struct Session {
    ApiKey key;
    os::Process process;
    std::string started;  // tells a later process with the same pid apart
  };
  void drop_ended();
  Result<void> save() const;

  os::Path file_;
  std::map<std::string, Session, std::less<>> sessions_;  // by prefix
};

}  // namespace howdah::control
