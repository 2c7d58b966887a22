// SPDX-License-Identifier: Apache-2.0
// A client that knows no password. Input: a byte of options, then the client-first and client-final
// messages with a NUL between them; "%N" in the second stands for the nonce of the exchange, which
// no mutation could guess.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pgwire/scram_server.h"

namespace {

using namespace howdah::pgwire;

ScramServerConfig make_config(unsigned options) {
  ScramServerConfig config;
  config.user = "user_k3v9x2ab";
  config.mock_secret = std::string(32, 'm');
  if (options & 1) config.end_point_hash = std::string(32, 'h');
  // Keys without a known preimage: whatever is accepted is a fault.
  const ScramVerifier verifier{4096, std::string(16, 's'), std::string(32, '1'),
                               std::string(32, '2')};
  for (unsigned count = (options >> 1) & 3; count > 0; --count) {
    config.verifiers.push_back(verifier);
  }
  return config;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = input.find('\0');
  const std::string_view first = input.substr(0, cut);
  std::string last(cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1));

  ScramServer server(make_config(data[0]));
  const auto challenge = server.begin(data[0] & 8 ? kScramPlus : kScram, first);
  if (challenge) {
    const std::string nonce = challenge->substr(2, challenge->find(",s=") - 2);
    if (const std::size_t place = last.find("%N"); place != std::string::npos) {
      last.replace(place, 2, nonce);
    }
  }
  if (server.finish(last)) std::abort();
  (void)parse_verifier(first);
  return 0;
}
