// SPDX-License-Identifier: Apache-2.0
#include "control/extensions/extension_store.h"

#include <fmt/format.h>

#include <utility>

#include "base/json.h"
#include "crypto/encode.h"
#include "crypto/random.h"
#include "pg/platform_session.h"

namespace howdah::control::extension_store {
namespace {

using namespace std::chrono_literals;
using pg::quote_identifier;

constexpr milliseconds kDeadline = 20s;

Task<pg::Connection> connect(std::string socket_directory, std::string database) {
  pg::ConnectOptions options =
      pg::admin_session({std::move(socket_directory), std::move(database), "howdah extensions"});
  options.options += " -c lock_timeout=5s -c statement_timeout=15s -c client_min_messages=error";
  co_return co_await pg::Connection::open(std::move(options));
}

// The server's own words, for the person: what it says of extensions is about names of the
// tenant's.
std::string words_of(const Error& error) {
  const std::size_t colon = error.detail.find(": ");
  return colon == std::string::npos ? error.detail : error.detail.substr(colon + 2);
}

Error explained(Error error, const std::string& name) {
  const std::string state = pg::sqlstate(error);
  const auto as = [&](ErrorCode code, std::string message, std::string hint) {
    error.code = code;
    error.message = std::move(message);
    error.hint = std::move(hint);
  };
  if (state == "2BP01") {
    as(ErrorCode::conflict, fmt::format("{} is in use: {}", name, words_of(error)),
       "drop what depends on it first");
  } else if (state == "42710" || state == "42723" || state == "42P07") {
    as(ErrorCode::conflict, fmt::format("{} does not fit: {}", name, words_of(error)),
       "choose another schema, or drop what has that name");
  } else if (state == "55P03" || state == "57014") {
    as(ErrorCode::timeout, fmt::format("{}: other sessions hold locks on it", name),
       "try again when they are done; nothing was changed");
  } else if (state == "58P01" || state == "0A000") {
    as(ErrorCode::unsupported, fmt::format("the server cannot do it: {}", words_of(error)), "");
  }
  return error;
}

struct Owner {
  std::string role;
};

// The logical database's owner. Only what belongs to a tenant's role is worked on: a superuser's
// (`postgres`) is the platform's.
Task<Owner> owner_of(pg::Connection& connection) {
  HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(
                                         R"(SELECT r.rolname FROM pg_catalog.pg_database d
                       JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
                       WHERE d.datname = pg_catalog.current_database() AND NOT r.rolsuper)"));
  if (rows.empty()) {
    co_return fail(ErrorCode::not_found, "this logical database is not one of yours");
  }
  co_return Owner{rows.text(0, "rolname")};
}

struct Candidate {
  bool trusted = false;
  // What it requires, and the schema that each is in.
  std::vector<std::pair<std::string, std::string>> required;
};

Task<Candidate> look_for(pg::Connection& connection, const NewExtension& wanted) {
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query(
          R"(SELECT v.trusted, v.relocatable, e.extversion, n.oid IS NOT NULL AS has_schema
                       FROM (SELECT $1::name AS name, $2::name AS schema) AS w
                       LEFT JOIN pg_catalog.pg_available_extensions a ON a.name = w.name
                       LEFT JOIN pg_catalog.pg_available_extension_versions v
                         ON v.name = a.name AND v.version = a.default_version
                       LEFT JOIN pg_catalog.pg_extension e ON e.extname = w.name
                       LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema)",
          {pg::param(wanted.name), pg::param(wanted.schema)}));
  if (const auto& version = rows.value(0, "extversion")) {
    co_return fail(ErrorCode::conflict,
                   fmt::format("{} {} is installed already", wanted.name, *version));
  }
  if (!rows.value(0, "trusted")) {
    co_return fail(ErrorCode::unsupported,
                   "this database's server has no extension " + wanted.name);
  }
  if (!rows.boolean(0, "relocatable")) {
    co_return fail(ErrorCode::unsupported, wanted.name + " cannot be installed safely");
  }
  if (!rows.boolean(0, "has_schema")) {
    co_return fail(ErrorCode::not_found, "there is no schema " + wanted.schema,
                   "make it first: CREATE SCHEMA");
  }
  Candidate candidate{rows.boolean(0, "trusted"), {}};
  HOWDAH_CO_TRY(const pg::Rows required, co_await connection.query(
                                             R"(SELECT r.name, n.nspname
                       FROM pg_catalog.pg_available_extensions a
                       JOIN pg_catalog.pg_available_extension_versions v
                         ON v.name = a.name AND v.version = a.default_version
                       CROSS JOIN LATERAL pg_catalog.unnest(v.requires) AS r(name)
                       LEFT JOIN pg_catalog.pg_extension e ON e.extname = r.name
                       LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                       WHERE a.name = $1::name)",
                                             {pg::param(wanted.name)}));
  for (std::size_t row = 0; row < required.size(); ++row) {
    const std::string name = required.text(row, "name");
    if (!required.value(row, "nspname")) {
      co_return fail(ErrorCode::conflict, fmt::format("{} needs {}", wanted.name, name),
                     "install " + name + " first");
    }
    candidate.required.emplace_back(name, required.text(row, "nspname"));
  }
  co_return candidate;
}

// One transaction; see the head of extension_store.h.
std::string install_sql(const NewExtension& wanted, const Candidate& candidate,
                        const Owner& owner) {
  constexpr std::size_t kRandomBytes = 8;
  const std::string schema =
      quote_identifier("howdah_new_" + crypto::to_hex(crypto::random_bytes(kRandomBytes)));
  const std::string extension = quote_identifier(wanted.name);
  const auto move = [](const std::string& name, const std::string& to) {
    return fmt::format("ALTER EXTENSION {} SET SCHEMA {};", quote_identifier(name), to);
  };
  std::string sql = fmt::format("BEGIN; CREATE SCHEMA {};", schema);
  for (const auto& [name, place] : candidate.required) sql += move(name, schema);
  if (candidate.trusted) {
    const std::string role = quote_identifier(owner.role);
    sql += fmt::format("GRANT USAGE, CREATE ON SCHEMA {} TO {}; SET LOCAL ROLE {};", schema, role,
                       role);
  }
  sql += fmt::format("CREATE EXTENSION {} WITH SCHEMA {};", extension, schema);
  if (candidate.trusted) sql += "SET LOCAL ROLE NONE;";
  sql += move(wanted.name, quote_identifier(wanted.schema));
  for (const auto& [name, place] : candidate.required) sql += move(name, quote_identifier(place));
  // RESTRICT: it fails, and with it everything, where something was left in it.
  return sql + fmt::format("DROP SCHEMA {} RESTRICT; COMMIT", schema);
}

// libpq keeps no SQLSTATE of a refused login, so whether the database is there is asked elsewhere.
Task<bool> is_there(std::string socket_directory, std::string database) {
  HOWDAH_CO_TRY(pg::Connection connection,
                co_await connect(std::move(socket_directory), "postgres"));
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    "SELECT FROM pg_catalog.pg_database WHERE datname = $1 AND datallowconn",
                    {pg::param(std::move(database))}));
  co_return !rows.empty();
}

Task<pg::Connection> connect_for_change(Place place) {
  auto connection = co_await connect(place.socket_directory, place.database);
  if (connection) co_return connection;
  HOWDAH_CO_TRY(const bool there, co_await is_there(place.socket_directory, place.database));
  if (!there) {
    co_return fail(ErrorCode::not_found, "there is no logical database " + place.database,
                   "see: GET /api/databases/{id}/logical-databases");
  }
  co_return connection;
}

Task<void> look_into(std::string socket_directory, std::string database, ExtensionView& view) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await connect(std::move(socket_directory), database));
  HOWDAH_CO_TRY(const pg::Rows rows, co_await connection.query(
                                         R"(SELECT e.extname, e.extversion, n.nspname, r.rolname
                       FROM pg_catalog.pg_extension e
                       JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace
                       JOIN pg_catalog.pg_roles r ON r.oid = e.extowner
                       WHERE e.extname <> 'plpgsql' ORDER BY e.extname)"));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    view.installed.push_back({database, rows.text(row, "extname"), rows.text(row, "extversion"),
                              rows.text(row, "nspname"), rows.text(row, "rolname")});
  }
  co_return Result<void>{};
}

}  // namespace

Task<ExtensionView> look(std::string socket_directory) {
  ExtensionView view;
  HOWDAH_CO_TRY(pg::Connection connection, co_await connect(socket_directory, "postgres"));
  HOWDAH_CO_TRY(const pg::Rows available, co_await connection.query(
                                              R"(SELECT a.name, a.default_version, v.trusted
                       FROM pg_catalog.pg_available_extensions a
                       JOIN pg_catalog.pg_available_extension_versions v
                         ON v.name = a.name AND v.version = a.default_version)"));
  for (std::size_t row = 0; row < available.size(); ++row) {
    view.available[available.text(row, "name")] = {available.text(row, "default_version"),
                                                   available.boolean(row, "trusted")};
  }
  HOWDAH_CO_TRY(const pg::Rows databases, co_await connection.query(
                                              R"(SELECT d.datname FROM pg_catalog.pg_database d
                       JOIN pg_catalog.pg_roles r ON r.oid = d.datdba
                       WHERE d.datallowconn AND NOT d.datistemplate AND NOT r.rolsuper
                       ORDER BY d.oid LIMIT $1)",
                                              {pg::param(kDatabasesMax)}));
  for (std::size_t row = 0; row < databases.size(); ++row) {
    auto looked = co_await look_into(socket_directory, databases.text(row, "datname"), view);
    // Dropped meanwhile, or it lets nobody in.
    if (!looked && pg::sqlstate(looked.error()).empty()) co_return std::unexpected(looked.error());
  }
  view.at = now();
  co_return view;
}

Task<void> install(Place place, NewExtension wanted) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await connect_for_change(std::move(place)));
  HOWDAH_CO_TRY(const Owner owner, co_await owner_of(connection));
  HOWDAH_CO_TRY(const Candidate candidate, co_await look_for(connection, wanted));
  auto done = co_await connection.script(install_sql(wanted, candidate, owner), kDeadline);
  if (!done) co_return std::unexpected(explained(std::move(done).error(), wanted.name));
  co_return Result<void>{};
}

Task<void> remove(Place place, std::string name) {
  HOWDAH_CO_TRY(pg::Connection connection, co_await connect_for_change(std::move(place)));
  HOWDAH_CO_CHECK(co_await owner_of(connection));
  HOWDAH_CO_TRY(
      const pg::Rows rows,
      co_await connection.query("SELECT 1 FROM pg_catalog.pg_extension WHERE extname = $1::name",
                                {pg::param(name)}));
  if (rows.empty()) co_return fail(ErrorCode::not_found, name + " is not installed there");
  auto done = co_await connection.script(
      fmt::format("DROP EXTENSION {} RESTRICT", quote_identifier(name)), kDeadline);
  if (!done) co_return std::unexpected(explained(std::move(done).error(), name));
  co_return Result<void>{};
}

Task<void> save(pg::Pool& catalog, BranchId branch, ExtensionView view) {
  HOWDAH_CO_CHECK(co_await catalog.query(
      R"(INSERT INTO howdah.branch_contents (branch_id, organisation_id, extensions_at, extensions)
         SELECT b.id, b.organisation_id, $2, $3::jsonb FROM howdah.branches b WHERE b.id = $1
         ON CONFLICT (branch_id) DO UPDATE SET extensions_at = excluded.extensions_at,
           extensions = excluded.extensions)",
      {pg::param(branch.str()), pg::param(view.at), pg::param(json::serialize(to_json(view)))}));
  co_return Result<void>{};
}

Task<ExtensionView> last(pg::Pool& catalog, BranchId branch) {
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await catalog.query("SELECT extensions_at, extensions "
                                       "FROM howdah.branch_contents WHERE branch_id = $1",
                                       {pg::param(branch.str())}));
  if (rows.empty()) co_return ExtensionView{};
  HOWDAH_CO_TRY(const json::value kept, parse_json(rows.text(0, "extensions")));
  ExtensionView view = extension_view_from_json(kept);
  view.at = rows.time(0, "extensions_at");
  co_return view;
}

}  // namespace howdah::control::extension_store
