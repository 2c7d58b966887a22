// SPDX-License-Identifier: Apache-2.0
#include "gate/address_table.h"

#include <algorithm>
#include <limits>

namespace howdah::gate {

// All addresses of one network.
struct AddressTable::Span {
  Key first, last;
  Timestamp until;
};

AddressTable::Key AddressTable::key_of(const IpNetwork::Bits& bits) {
  Key key;
  for (std::size_t i = 0; i < 8; ++i) {
    key.high = key.high << 8 | bits[i];
    key.low = key.low << 8 | bits[i + 8];
  }
  return key;
}

// Networks are either apart or inside each other. So, sorted by their first address and the widest
// first, one pass with a stack of those that are open is enough.
AddressTable::AddressTable(std::vector<Entry> entries) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  std::vector<Span> spans;
  spans.reserve(entries.size());
  for (const Entry& entry : entries) {
    const int prefix = entry.network.prefix;
    const Key first = key_of(entry.network.without_host_bits().bits);
    const std::uint64_t high_rest = prefix >= 64 ? 0 : kAll >> prefix;
    const std::uint64_t low_rest = prefix <= 64 ? kAll : prefix == 128 ? 0 : kAll >> (prefix - 64);
    spans.push_back({first, {first.high | high_rest, first.low | low_rest}, entry.until});
  }
  std::ranges::sort(spans, [](const Span& left, const Span& right) {
    return left.first != right.first ? left.first < right.first : left.last > right.last;
  });
  std::vector<Span> open;
  for (Span& span : spans) {
    while (!open.empty() && open.back().last < span.first) {
      end_span(open);
      open.pop_back();
    }
    if (!open.empty()) span.until = std::max(span.until, open.back().until);
    begin_step(span.first, span.until);
    open.push_back(span);
  }
  for (; !open.empty(); open.pop_back()) end_span(open);
  starts_.shrink_to_fit();
  untils_.shrink_to_fit();
}

void AddressTable::begin_step(Key at, Timestamp until) {
  if (!starts_.empty() && starts_.back() == at) {
    starts_.pop_back();
    untils_.pop_back();
  }
  if (until == (untils_.empty() ? kNever : untils_.back())) return;  // goes on as before
  starts_.push_back(at);
  untils_.push_back(until);
}

// Behind the innermost open network, what surrounds it goes on.
void AddressTable::end_span(const std::vector<Span>& open) {
  Key behind = open.back().last;
  if (++behind.low == 0 && ++behind.high == 0) return;  // it ends with the last address there is
  begin_step(behind, open.size() > 1 ? open[open.size() - 2].until : kNever);
}

Timestamp AddressTable::until(const IpNetwork::Bits& address) const {
  const auto behind = std::ranges::upper_bound(starts_, key_of(address));
  if (behind == starts_.begin()) return kNever;
  return untils_[static_cast<std::size_t>(behind - starts_.begin()) - 1];
}

}  // namespace howdah::gate
