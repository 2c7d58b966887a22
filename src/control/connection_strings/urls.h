// SPDX-License-Identifier: Apache-2.0
// The URLs of a database, byte for byte as the API promises them. No I/O.
#pragma once
#include <cstdint>
#include <string>

namespace howdah::control {

inline constexpr std::string_view kMaskedPassword = "***";

// Where and as whom a client connects.
struct Login {
  std::string host;  // a name or an address
  std::uint16_t direct_port = 5432;
  std::uint16_t pooled_port = 6432;
  std::string slug;
  std::string user;  // with the branch's suffix, if any: "user_k3v9x2ab.pr-42"
  std::string password{kMaskedPassword};
};

struct ConnectionUrls {
  std::string direct;
  std::string pooled;
  std::string shadow;
  std::string shadow_pooled;
  // Without the parameters that libpq refuses ("invalid URI query parameter").
  std::string libpq_direct;
  std::string libpq_pooled;
  std::string psql_command;
};
ConnectionUrls make_urls(const Login& login);

// "postgresql://U:P@HOST:PORT/DB" without parameters; an IPv6 host gets its brackets.
std::string base_url(const Login& login, std::uint16_t port, const std::string& database);
std::string url_host(const std::string& host);

}  // namespace howdah::control
