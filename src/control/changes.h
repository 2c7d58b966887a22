// SPDX-License-Identifier: Apache-2.0
// Counts the changes of what answers of the API depend on beside the catalog: run states as the
// node tells them, sessions as gates tell them. On the loop's thread.
#pragma once
#include <cstdint>

namespace howdah::control {

class Changes {
 public:
  void note() { ++count_; }
  std::uint64_t count() const { return count_; }

 private:
  std::uint64_t count_ = 0;
};

}  // namespace howdah::control
