// SPDX-License-Identifier: Apache-2.0
#include "instance/role_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "instance/provision_store.h"

namespace howdah::instance {
namespace {

using pg::quote_identifier;
using pg::quote_literal;

bool is_base64(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char byte) {
    return std::isalnum(byte) != 0 || byte == '+' || byte == '/' || byte == '=';
  });
}

// "SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>"
bool is_verifier(std::string_view text) {
  constexpr std::string_view kPrefix = "SCRAM-SHA-256$";
  if (!text.starts_with(kPrefix) || text.size() > 512) return false;
  text.remove_prefix(kPrefix.size());
  const std::size_t salt = text.find(':');
  const std::size_t stored = text.find('$');
  const std::size_t server = text.rfind(':');
  if (salt == text.npos || stored == text.npos || !(salt < stored && stored < server)) return false;
  const std::string_view iterations = text.substr(0, salt);
  return !iterations.empty() && iterations.size() <= 9 &&
         iterations.find_first_not_of("0123456789") == iterations.npos &&
         is_base64(text.substr(salt + 1, stored - salt - 1)) &&
         is_base64(text.substr(stored + 1, server - stored - 1)) &&
         is_base64(text.substr(server + 1));
}

// As the platform keeps it.
std::string password_of(const pg::Value& stored) {
  if (!stored) return {};
  if (is_verifier(*stored)) return *stored;
  return stored->starts_with("md5") ? "!md5" : "!malformed";
}

}  // namespace

Task<RolesInside> read_roles(pg::Connection& connection) {
  // Times beyond what RFC 3339 can say are for ever, or over.
  HOWDAH_CO_TRY(const pg::Rows rows,
                co_await connection.query(
                    R"(SELECT a.rolname, left(a.rolpassword, 600) AS password, a.rolcanlogin,
               CASE WHEN a.rolvaliduntil < '9999-01-01'
                    THEN greatest(a.rolvaliduntil, '1970-01-01') END AS valid_until,
               (SELECT shobj_description(m.oid, 'pg_authid') FROM pg_authid m
                WHERE m.rolname = current_user) AS mark
             FROM pg_authid a
             WHERE NOT a.rolsuper AND a.rolname NOT LIKE 'pg\_%' AND a.rolname <> $1
             ORDER BY a.oid LIMIT 1000)",
                    {pg::param(std::string(pg::kMonitorRole))}));
  RolesInside inside;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    inside.roles.push_back({rows.text(row, "rolname"), password_of(rows.value(row, "password")),
                            rows.boolean(row, "rolcanlogin"), rows.time(row, "valid_until")});
    inside.mark = rows.text(row, "mark");
  }
  co_return inside;
}

Task<void> begin_role_change(pg::Connection& connection, bool alone) {
  if (!alone) co_return co_await connection.script("BEGIN");
  const auto begun = co_await connection.script(
      "BEGIN; SET LOCAL lock_timeout = '2s'; "
      "LOCK TABLE pg_catalog.pg_authid IN SHARE ROW EXCLUSIVE MODE");
  if (begun) co_return begun;
  // The transaction is over, whatever it was.
  (void)co_await connection.script("ROLLBACK");
  if (pg::sqlstate(begun.error()) == "55P03") {
    co_return fail(ErrorCode::conflict, "another transaction is changing roles",
                   "end it, or try again later");
  }
  co_return begun;
}

Task<void> commit_role_change(pg::Connection& connection, std::vector<RoleWrite> roles,
                              std::string mark) {
  std::string sql;
  for (const RoleWrite& role : roles) {
    if (!role.password.empty() && !is_verifier(role.password)) {
      co_return fail(ErrorCode::invalid_request, "the verifier of a role has not the right form");
    }
    sql += fmt::format("ALTER ROLE {} PASSWORD {};", quote_identifier(role.name),
                       role.password.empty() ? "NULL" : quote_literal(role.password));
  }
  sql += fmt::format("COMMENT ON ROLE {} IS {}; COMMIT", quote_identifier(kAdminRole),
                     quote_literal(mark));
  auto result = co_await connection.script(std::move(sql));
  if (result) co_return result;
  (void)co_await connection.script("ROLLBACK");
  if (pg::sqlstate(result.error()) == "42704") {
    co_return fail(ErrorCode::not_found, "there is no such role");
  }
  co_return result;
}

}  // namespace howdah::instance
