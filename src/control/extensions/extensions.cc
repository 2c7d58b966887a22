// SPDX-License-Identifier: Apache-2.0
#include "control/extensions/extensions.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/log.h"
#include "control/databases/ready_database.h"
#include "control/extensions/extension_store.h"
#include "crypto/encode.h"
#include "crypto/random.h"
#include "model/names.h"

namespace howdah::control {
namespace {

constexpr std::int64_t kHoldSeconds = 120;  // longer than all deadlines of one change together
constexpr std::size_t kHolderBytes = 8;

}  // namespace

void Extensions::add_routes(Routes& routes) {
  using http::Method;
  const std::string path = "/api/databases/{id}/extensions";
  routes.add(Method::get, path, Access::read, std::bind_front(&Extensions::list, this));
  routes.add(Method::post, path, Access::write, std::bind_front(&Extensions::install, this));
  routes.add(Method::del, path + "/{name}", Access::write,
             std::bind_front(&Extensions::remove, this));
}

Task<ExtensionView> Extensions::view(const Database& database) {
  pg::Pool& pool = platform_.catalog.pool();
  if (nodes_.state(database.main_instance) == nodeapi::InstanceState::running) {
    // Only looks at it: no hold is taken, so this neither wakes nor keeps awake.
    const auto instance = co_await platform_.node.instance(database.main_instance);
    if (instance && instance->state == nodeapi::InstanceState::running) {
      auto seen = co_await extension_store::look(instance->socket_directory);
      if (seen) {
        HOWDAH_CO_CHECK(co_await extension_store::save(pool, database.main_branch, *seen));
        co_return std::move(*seen);
      }
      log::debug("extensions", "{}: {}", database.slug, seen.error().to_log());
    }
  }
  co_return co_await extension_store::last(pool, database.main_branch);
}

Task<http::Response> Extensions::list(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_TRY(const Database database,
                co_await find_branch_database(platform_.catalog.pool(), call.request, query));
  HOWDAH_CO_TRY(const ExtensionView seen, co_await view(database));
  co_return list_response(call.request, shown_extensions(seen), std::nullopt);
}

Task<http::Response> Extensions::answer(int status, const Database& database, std::string name,
                                        std::string message) {
  HOWDAH_CO_TRY(const ExtensionView seen, co_await view(database));
  for (json::value& row : shown_extensions(seen)) {
    if (row.at("name").as_string() == name) {
      co_return success(status, {.data = std::move(row), .message = std::move(message)});
    }
  }
  co_return fail(ErrorCode::internal, "an allowed extension is not shown");
}

Task<http::Response> Extensions::install(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(NewExtension wanted, read_new_extension(body));
  HOWDAH_CO_TRY(Database database,
                co_await find_ready_database(platform_.catalog.pool(), call.request));
  if (wanted.database.empty()) wanted.database = tenant_database(database.slug);
  const std::string name = wanted.name;
  std::string message = fmt::format("{} is installed in {}", name, wanted.database);
  HOWDAH_CO_CHECK(co_await carry_out(
      {What::install, database, std::move(wanted), call.caller, call.request.request_id}));
  co_return co_await answer(201, database, name, std::move(message));
}

Task<http::Response> Extensions::remove(Call call) {
  QueryReader query(call.request.query);
  NewExtension wanted{call.request.parameters.at("name"), query.text("database").value_or(""), {}};
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_CHECK(check_allowed_extension(wanted.name));
  HOWDAH_CO_TRY(Database database,
                co_await find_ready_database(platform_.catalog.pool(), call.request));
  if (wanted.database.empty()) wanted.database = tenant_database(database.slug);
  const std::string name = wanted.name;
  std::string message = fmt::format("{} is removed from {}", name, wanted.database);
  HOWDAH_CO_CHECK(co_await carry_out(
      {What::remove, database, std::move(wanted), call.caller, call.request.request_id}));
  co_return co_await answer(200, database, name, std::move(message));
}

// One transaction inside the instance, so it is done in the request: nothing can be left half-made.
Task<void> Extensions::carry_out(Change change) {
  const Database& database = change.database;
  if (database.status == "paused") {
    co_return fail(ErrorCode::database_paused, "this database is paused",
                   fmt::format("resume it: POST /api/databases/{}/resume", database.id.str()));
  }
  AuditEntry entry{
      .action = change.what == What::install ? "extension.create" : "extension.delete",
      .subject = "extension:" + change.extension.name,
      .database_id = database.id,
      .details = {{"name", change.extension.name}, {"database", change.extension.database}},
      .request_id = change.request_id};
  if (change.what == What::install) entry.details["schema"] = change.extension.schema;
  // No trace, no effect: the row is committed before.
  HOWDAH_CO_CHECK(co_await platform_.catalog.pool().transaction<void>(
      std::bind_front(&Extensions::store_trace, this, std::move(entry), change.caller)));
  const std::string holder = "control:" + crypto::to_hex(crypto::random_bytes(kHolderBytes));
  HOWDAH_CO_TRY(
      const auto instance,
      co_await platform_.node.acquire(database.main_instance, {holder, "extension", kHoldSeconds}));
  auto done = co_await change_awake(change, instance.socket_directory);
  // A hold that is not released ends by itself.
  const auto released = co_await platform_.node.release(database.main_instance, holder);
  if (!released) log::debug("extensions", "release: {}", released.error().to_log());
  co_return done;
}

Task<void> Extensions::change_awake(const Change& change, std::string socket_directory) {
  extension_store::Place place{std::move(socket_directory), change.extension.database};
  if (change.what == What::remove) {
    co_return co_await extension_store::remove(std::move(place), change.extension.name);
  }
  co_return co_await extension_store::install(std::move(place), change.extension);
}

Task<void> Extensions::store_trace(AuditEntry entry, Principal caller, pg::Connection& connection) {
  co_return co_await platform_.audit.append(connection, std::move(caller), std::move(entry));
}

}  // namespace howdah::control
