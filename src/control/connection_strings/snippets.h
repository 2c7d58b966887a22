// SPDX-License-Identifier: Apache-2.0
// Ready code for every client, each with the TLS settings that make it verify the server against
// our own CA: what "sslmode=require" means differs between them. No I/O.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "control/connection_strings/urls.h"

namespace howdah::control {

struct Snippet {
  std::string_view client;    // "node-pg"
  std::string_view language;  // for highlighting: "shell", "javascript", ...
  std::string_view file;      // where it usually goes; empty: anywhere
  std::string direct;         // for the direct port
  std::string pooled;         // for the pooled port
};

// ca_file: where the client keeps our CA certificate: [A-Za-z0-9._/-].
// In the order of the contract: psql .env prisma drizzle node-pg postgres.js psycopg sqlalchemy
// django jdbc pgx rails laravel dotnet.
std::vector<Snippet> make_snippets(const Login& login, const std::string& ca_file);

// A path that needs no quoting in any of the snippets' languages.
bool is_plain_path(std::string_view path);

}  // namespace howdah::control
