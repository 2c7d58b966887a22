// SPDX-License-Identifier: Apache-2.0
// Addresses from which too many logins have failed lately. They are slowed down, not locked out:
// behind the same address may be somebody who knows the password. Owned by the gate; one thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/bucket_table.h"
#include "net/task.h"

namespace howdah::gate {

class FailedAttempts {
 public:
  static constexpr std::size_t kAddresses = 4'096;
  // What such an address has left: so many connections at a time, and so long until each answer.
  static constexpr std::size_t kPlacesWhenTooMany = 4;
  static constexpr milliseconds kDelay{250};

  explicit FailedAttempts(Rate rate);

  // party: see net::party_of; shown: for the log. Returns: it has failed too often now.
  bool add(std::string_view party, std::string_view shown);
  bool too_many(std::string_view party);

 private:
  BucketTable table_;
  std::chrono::steady_clock::time_point told_;
};

}  // namespace howdah::gate
