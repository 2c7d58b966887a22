// SPDX-License-Identifier: Apache-2.0
#include "node/catalog_store.h"

#include <fmt/format.h>

#include "instance/provision_store.h"
#include "instance/template.h"

namespace howdah::node {
namespace {

using pg::quote_identifier;

// Before 15 the schema public belongs to the owner's role, in each logical database.
Task<void> take_over_schema(instance::InstancePlace place, std::string database) {
  HOWDAH_CO_TRY(pg::Connection connection,
                co_await pg::Connection::open(instance::admin_options(place, std::move(database))));
  co_return co_await connection.script(fmt::format("REASSIGN OWNED BY {} TO {}",
                                                   quote_identifier(instance::kTemplateOwner),
                                                   quote_identifier(instance::kAdminRole)));
}

Task<bool> has_database(pg::Connection& connection, std::string_view name) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query("SELECT 1 FROM pg_database WHERE datname = $1",
                                          {pg::param(std::string(name))}));
  co_return !rows.empty();
}

}  // namespace

Task<void> prepare_catalog(instance::InstancePlace place) {
  HOWDAH_CO_TRY(pg::Connection connection,
                co_await pg::Connection::open(instance::admin_options(place)));
  HOWDAH_CO_TRY(const bool fresh, co_await has_database(connection, instance::kTemplateDatabase));
  // The template's database becomes the catalog's: making and dropping one each costs a checkpoint.
  if (fresh) {
    HOWDAH_CO_CHECK(co_await take_over_schema(place, std::string(instance::kTemplateDatabase)));
    HOWDAH_CO_CHECK(co_await take_over_schema(place, "template1"));
    HOWDAH_CO_CHECK(co_await connection.script(
        fmt::format("ALTER DATABASE {} RENAME TO {}", quote_identifier(instance::kTemplateDatabase),
                    quote_identifier(kCatalogDatabase))));
  }
  HOWDAH_CO_CHECK(co_await connection.script(
      fmt::format("DROP DATABASE IF EXISTS {}", quote_identifier(instance::kTemplateShadow))));
  co_return co_await connection.script(
      fmt::format("DROP ROLE IF EXISTS {}", quote_identifier(instance::kTemplateOwner)));
}

}  // namespace howdah::node
