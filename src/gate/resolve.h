// SPDX-License-Identifier: Apache-2.0
// From a start-up message to a branch (ARCHITECTURE.md, The life of a connection). Pure.
#pragma once
#include <string>
#include <string_view>

#include "gate/route_table.h"
#include "pgwire/startup.h"

namespace howdah::gate {

struct Destination {
  RouteRef route;  // empty: nothing here; the client must not learn that before it is refused
  const RouteRole* role = nullptr;  // inside route; empty: no such role there, nobody can log in
  std::string role_name;            // what the client means, without a branch suffix
  std::string database;             // logical database to ask the instance for

  // Three things that make a refusal look the same whatever is unknown: the role of that name on
  // `main`, whose salt is shown where a misspelt branch leads nowhere; else what a made-up salt
  // depends on: the database the client named and the role without any suffix.
  RouteRef decoy_route;
  const RouteRole* decoy = nullptr;
  std::string scope;
  std::string base_role;
};

// server_name: SNI, empty without TLS.
//
// A suffix of the user name that names no branch of the database belongs to the role's name, so a
// misspelt branch fails to log in and never reaches `main` by mistake. Without a database, or with
// one named like the user (libpq's default), the client gets the database's own "tenant_<slug>".
Destination resolve(const RouteTable& table, const pgwire::ClientStartup& startup,
                    std::string_view server_name);

}  // namespace howdah::gate
