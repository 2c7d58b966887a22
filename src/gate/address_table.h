// SPDX-License-Identifier: Apache-2.0
// Networks of one address family, laid out as one sorted row of steps, so that thousands of them
// are asked with one binary search. Pure; immutable after construction.
#pragma once
#include <compare>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "model/ip_network.h"

namespace howdah::gate {

class AddressTable {
 public:
  static constexpr Timestamp kNever = Timestamp::min();
  static constexpr Timestamp kForever = Timestamp::max();

  struct Entry {
    IpNetwork network;
    Timestamp until;
  };

  AddressTable() = default;
  // Networks may repeat and hold each other; bits behind a prefix are not looked at.
  // Cost: n log n.
  explicit AddressTable(std::vector<Entry> entries);

  // The latest `until` of the networks that hold the address; kNever: none does.
  // Cost: log2 of twice the number of networks.
  Timestamp until(const IpNetwork::Bits& address) const;

 private:
  struct Key {
    std::uint64_t high = 0, low = 0;
    auto operator<=>(const Key&) const = default;
  };
  struct Span;
  static Key key_of(const IpNetwork::Bits& bits);
  void begin_step(Key at, Timestamp until);
  void end_span(const std::vector<Span>& open);

  // Step i lasts from starts_[i] to the next; apart, so that a search touches little memory.
  std::vector<Key> starts_;
  std::vector<Timestamp> untils_;
};

}  // namespace howdah::gate
