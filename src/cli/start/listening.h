// SPDX-License-Identifier: Apache-2.0
// Which addresses Howdah listens on, and what has to be said when others can reach them. Pure.
#pragma once
#include <string>
#include <vector>

#include "base/error.h"

namespace howdah::cli {

struct Listening {
  // All with the same ports. A network address comes with 127.0.0.1, where programs of this machine
  // go on as before (plain HTTP, localhost in URLs).
  std::vector<std::string> addresses;
  bool open = false;  // other machines reach it

  std::string text() const;  // "192.0.2.7,127.0.0.1": the daemons' flag
  // The place of the API for connection.json: "http://localhost:3000", "https://192.0.2.7:3000".
  // host: what URLs name this machine.
  std::string api_url(const std::string& host, std::uint16_t port) const;
};

// listen: addresses with commas between, as --listen; empty: this machine only, or every address
// when a domain and an e-mail address say that it is meant to be reached.
// Errors: config_invalid, usage in words.
Result<Listening> plan_listening(const std::string& listen, const std::string& domain,
                                 const std::string& email);

}  // namespace howdah::cli
