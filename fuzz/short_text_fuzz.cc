// SPDX-License-Identifier: Apache-2.0
// Short texts from outside: addresses of firewall rules, times, sealed values and recovery keys.
#include "base/clock.h"
#include "crypto/keyring.h"
#include "model/ip_network.h"
#include "require.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace howdah;
  const std::string_view text = text_of(data, size);
  if (const auto network = parse_ip_network(text)) {
    const auto again = parse_ip_network(cidr_text(*network));
    require(again && *again == *network);
  }
  if (const auto time = parse_rfc3339(text)) require(parse_rfc3339(to_rfc3339(*time)) == time);
  static const crypto::KeyRing ring = crypto::KeyRing::create();
  // Nobody guesses a tag of 128 bits.
  require(!ring.open(text, {"databases", "1", "sealed", 1}));
  (void)crypto::KeyRing::from_recovery_key(text);
  (void)crypto::KeyRing::from_json(text);
  return 0;
}
