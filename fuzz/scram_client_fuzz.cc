// SPDX-License-Identifier: Apache-2.0
// A server that does not know the password. Input: the server-first and server-final messages with
// a NUL between them; "%N" in the first stands for the client's nonce.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "pgwire/scram_client.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace howdah::pgwire;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = input.find('\0');
  std::string challenge(input.substr(0, cut));
  const std::string_view last =
      cut == std::string_view::npos ? std::string_view() : input.substr(cut + 1);

  ScramClient client("pencil");
  const std::string nonce = client.first().substr(8);  // behind "n,,n=,r="
  if (const std::size_t place = challenge.find("%N"); place != std::string::npos) {
    challenge.replace(place, 2, nonce);
  }
  // Thousands of iterations are allowed and tell nothing new here; they only cost time.
  const std::size_t iterations = challenge.find(",i=");
  if (iterations != std::string::npos && challenge.size() - iterations > 6) return 0;
  (void)client.respond(challenge);
  if (client.verify(last)) std::abort();
  return 0;
}
