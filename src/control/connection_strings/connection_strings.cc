// SPDX-License-Identifier: Apache-2.0
#include "control/connection_strings/connection_strings.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/json.h"
#include "control/connection_strings/snippets.h"
#include "control/databases/database_store.h"
#include "crypto/certificate.h"
#include "model/names.h"

namespace howdah::control {
namespace {

constexpr std::string_view kCaFile = "howdah-ca.crt";

constexpr std::string_view kNote =
    "The server always requires TLS. Its certificate is signed by Howdah's own CA: fetch it once "
    "(ca_certificate_command) and the snippets verify the server with it; sslmode=require alone "
    "encrypts without verifying. psql and other libpq programs refuse the parameters pgbouncer "
    "and schema: give them connection_uri or connection_uri_pooled. The shadow database is a "
    "separate, empty database for migration tools; it is never backed up.";
constexpr std::string_view kMaskedNote =
    " The password is masked here: it is shown once when the database is created and by "
    "POST .../connection-strings/reveal, which is audited.";

json::object snippets_json(const Login& login, const std::string& ca_file) {
  json::object all;
  for (const Snippet& one : make_snippets(login, ca_file)) {
    all[one.client] = {{"language", one.language},
                       {"file", one.file.empty() ? json::value(nullptr) : json::value(one.file)},
                       {"direct", one.direct},
                       {"pooled", one.pooled}};
  }
  return all;
}

Result<void> require_usable(const Database& database) {
  if (database.status == "deleted") {
    return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  if (database.slug.empty()) {
    return fail(ErrorCode::conflict, "the database is still being made", "try again in a moment");
  }
  return {};
}

Result<void> require_known(const database_store::OwnerLogin& login) {
  const std::string hint =
      "howdah db rotate, or POST /api/databases/{id}/rotate-password, makes a new one";
  if (!login.credential && login.problem == "none") {
    return fail(ErrorCode::conflict, "the password was taken away by SQL", hint);
  }
  if (!login.credential) {
    return fail(ErrorCode::conflict,
                fmt::format("the password was set by SQL in a form that cannot be used ({})",
                            login.problem.empty() ? "unknown" : login.problem),
                hint);
  }
  if (!login.credential->sealed_password.empty()) return {};
  return fail(ErrorCode::conflict, "the password was set by SQL, so only who has set it knows it",
              hint);
}

}  // namespace

Login make_login(const Config& config, const std::string& slug, std::string user,
                 std::string password) {
  Login login;
  login.host = config.host();
  login.direct_port = config.direct_port;
  login.pooled_port = config.pooled_port;
  login.slug = slug;
  login.user = user.empty() ? owner_role(slug) : std::move(user);
  login.password = std::move(password);
  return login;
}

// HTTP is plain on loopback addresses only.
std::string ca_certificate_url(const Config& config) {
  return fmt::format("{}://{}:{}/ca.crt", config.host_speaks_plain() ? "http" : "https",
                     url_host(config.host()), config.http_port);
}

void add_urls(json::object& data, const Login& login, const Config& config) {
  const ConnectionUrls urls = make_urls(login);
  data["connection_string"] = urls.direct;
  data["connection_string_pooled"] = urls.pooled;
  data["shadow_database_url"] = urls.shadow;
  data["shadow_database_url_pooled"] = urls.shadow_pooled;
  data["psql_command"] = urls.psql_command;
  data["connection_uri"] = urls.libpq_direct;
  data["connection_uri_pooled"] = urls.libpq_pooled;
  data["ca_certificate_url"] = ca_certificate_url(config);
}

void ConnectionStrings::add_routes(Routes& routes) {
  using http::Method;
  routes.add(Method::get, "/api/databases/{id}/connection-strings", Access::read,
             std::bind_front(&ConnectionStrings::show, this));
  routes.keep_answers("/api/databases/{id}/connection-strings");
  routes.add(Method::post, "/api/databases/{id}/connection-strings/reveal", Access::write,
             std::bind_front(&ConnectionStrings::reveal, this));
  // Each look at a password leaves its trace.
  routes.ignore_idempotency_key("/api/databases/{id}/connection-strings/reveal");
}

Result<ConnectionStrings::Wanted> ConnectionStrings::read(const http::Request& request) {
  QueryReader query(request.query);
  Wanted wanted{DatabaseId(request.parameters.at("id")), {}, {}};
  wanted.role = query.text("role").value_or("");
  wanted.ca_file = query.text("caFile").value_or(std::string(kCaFile));
  if (!is_plain_path(wanted.ca_file)) {
    query.reject("caFile", "must have letters, digits and . _ / - only");
  }
  const std::string branch = query.text("branch").value_or(std::string(kMainBranch));
  HOWDAH_CHECK(query.finish());
  if (branch != kMainBranch) {
    return fail(ErrorCode::not_found, "this database has no branch of that name");
  }
  return wanted;
}

json::object ConnectionStrings::describe(const Database& database, const Wanted& wanted,
                                         std::string role, std::string password) const {
  const Config& config = platform_.config;
  const Login login = make_login(config, database.slug, role, std::move(password));
  const std::string ca_url = ca_certificate_url(config);
  // Our own CA cannot vouch for the first fetch over TLS; the fingerprint can.
  const std::string curl = ca_url.starts_with("https") ? "curl -sSk" : "curl -sS";
  json::object data{{"database_id", database.id.str()},
                    {"branch_id", database.main_branch.str()},
                    {"database_name", tenant_database(database.slug)},
                    {"branch", kMainBranch},
                    {"username", login.user},
                    {"host", login.host},
                    {"direct_port", login.direct_port},
                    {"pooled_port", login.pooled_port}};
  add_urls(data, login, config);
  data["ca_certificate_command"] = fmt::format("{} -o {} {}", curl, wanted.ca_file, ca_url);
  const auto facts = crypto::read_certificate(platform_.tls.ca_certificate_pem());
  data["ca_certificate_sha256"] =
      facts ? json::value(facts->sha256_fingerprint) : json::value(nullptr);
  data["snippets"] = snippets_json(login, wanted.ca_file);
  const bool masked = login.password == kMaskedPassword;
  data["note"] = std::string(kNote).append(masked ? kMaskedNote : "");
  return data;
}

Task<http::Response> ConnectionStrings::show(Call call) {
  HOWDAH_CO_TRY(const Wanted wanted, read(call.request));
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database, co_await database_store::find(pool, wanted.database));
  HOWDAH_CO_CHECK(require_usable(database));
  HOWDAH_CO_TRY(const auto login, co_await database_store::login(pool, database.id, wanted.role));
  co_return success(200,
                    {.data = describe(database, wanted, login.role, std::string(kMaskedPassword))});
}

Task<http::Response> ConnectionStrings::reveal(Call call) {
  HOWDAH_CO_TRY(const Wanted wanted, read(call.request));
  HOWDAH_CO_TRY(const auto body, read_body(call.request));
  JsonReader in(body);
  HOWDAH_CO_CHECK(in.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database, co_await database_store::find(pool, wanted.database));
  HOWDAH_CO_CHECK(require_usable(database));
  HOWDAH_CO_TRY(const auto login, co_await database_store::login(pool, database.id, wanted.role));
  HOWDAH_CO_CHECK(require_known(login));
  HOWDAH_CO_TRY(const std::string password, unseal_password(platform_.vault, *login.credential));
  AuditEntry entry;
  entry.action = "password.reveal";
  entry.subject = "database:" + database.id.str();
  entry.database_id = database.id;
  entry.details = {{"role", login.role}};
  entry.request_id = call.request.request_id;
  // No trace, no password: the row is committed before the answer.
  HOWDAH_CO_CHECK(co_await pool.transaction<void>(std::bind_front(
      &ConnectionStrings::audit_reveal, this, std::move(entry), std::move(call.caller))));
  json::object data = describe(database, wanted, login.role, password);
  data["password"] = password;
  co_return success(200, {.data = std::move(data)});
}

Task<void> ConnectionStrings::audit_reveal(AuditEntry entry, Principal caller,
                                           pg::Connection& connection) {
  co_return co_await platform_.audit.append(connection, std::move(caller), std::move(entry));
}

}  // namespace howdah::control
