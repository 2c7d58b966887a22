// SPDX-License-Identifier: Apache-2.0
#include "control/organisation/organisation.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/json.h"
#include "base/units.h"
#include "control/envelope.h"

namespace howdah::control {
namespace {

constexpr std::int64_t kCountMax = 1'000'000;
constexpr std::int64_t kStorageMax = (INT64_C(1) << 53) - 1;  // exact in every JSON reader

json::value to_json(const Cap& cap) {
  return cap ? json::value(*cap) : json::value(nullptr);
}

json::object to_json(const Organisation& organisation) {
  const Cap& storage = organisation.storage_bytes_max;
  return {
      {"id", organisation.id.str()},
      {"name", organisation.name},
      {"firewall_default", organisation.firewall_default},
      {"databases_max", to_json(organisation.databases_max)},
      {"branches_max", to_json(organisation.branches_max)},
      {"storage_bytes_max", to_json(storage)},
      {"storage_bytes_max_pretty",
       storage ? json::value(to_pretty(static_cast<ByteCount>(*storage))) : json::value(nullptr)},
      {"created_at", to_rfc3339(organisation.created_at)}};
}

// null takes the cap away, which a field that is not given does not.
std::optional<Cap> read_cap(JsonReader& in, const json::value& body, std::string_view name,
                            std::int64_t max) {
  const json::object* object = body.if_object();
  const bool given =
      object != nullptr && (object->contains(name) || object->contains(to_snake_case(name)));
  const Cap cap = in.optional_integer(name, 0, max);
  return given ? std::optional<Cap>(cap) : std::nullopt;  // null is a value of its own
}

Result<OrganisationChange> read_change(const json::value& body) {
  JsonReader in(body);
  OrganisationChange change;
  change.firewall_default = in.optional_string("firewallDefault", 1, 20);
  if (change.firewall_default && *change.firewall_default != "open" &&
      *change.firewall_default != "closed") {
    in.reject("firewallDefault", "must be open or closed");
  }
  change.databases_max = read_cap(in, body, "databasesMax", kCountMax);
  change.branches_max = read_cap(in, body, "branchesMax", kCountMax);
  change.storage_bytes_max = read_cap(in, body, "storageBytesMax", kStorageMax);
  HOWDAH_CHECK(in.finish());
  return change;
}

Organisation changed(Organisation organisation, const OrganisationChange& change) {
  if (change.firewall_default) organisation.firewall_default = *change.firewall_default;
  if (change.databases_max) organisation.databases_max = *change.databases_max;
  if (change.branches_max) organisation.branches_max = *change.branches_max;
  if (change.storage_bytes_max) organisation.storage_bytes_max = *change.storage_bytes_max;
  return organisation;
}

// {"databases_max":{"from":null,"to":5}} for each field that differs.
json::object differences(const Organisation& was, const Organisation& is) {
  json::object details;
  const json::object before = to_json(was);
  for (const auto& field : to_json(is)) {
    const json::value& old = before.at(field.key());
    if (old != field.value() && !field.key().ends_with("_pretty")) {
      details[field.key()] = {{"from", old}, {"to", field.value()}};
    }
  }
  return details;
}

// With the ETag of the settings, which have no counter of versions.
http::Response answer(const http::Request& request, const Preconditions& preconditions,
                      Envelope envelope, int status) {
  std::string etag = etag_of(content_revision(envelope.data), envelope.data);
  return tagged(request, preconditions, std::move(etag), success(status, std::move(envelope)));
}

}  // namespace

void OrganisationSettings::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/organisation", Access::read,
             std::bind_front(&OrganisationSettings::show, this));
  routes.add(http::Method::patch, "/api/organisation", Access::admin,
             std::bind_front(&OrganisationSettings::change, this));
}

Task<http::Response> OrganisationSettings::show(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const auto preconditions, Preconditions::of(call.request));
  HOWDAH_CO_TRY(
      const Organisation organisation,
      co_await organisation_store::find(platform_.catalog.pool(), call.caller.organisation_id));
  co_return answer(call.request, preconditions, {.data = to_json(organisation)}, 200);
}

Task<http::Response> OrganisationSettings::change(Call call) {
  QueryReader query(call.request.query);
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(const OrganisationChange change, read_change(body));
  HOWDAH_CO_TRY(const auto preconditions, Preconditions::of(call.request));
  Wish wish{change, preconditions, call.caller, call.request.request_id};
  HOWDAH_CO_TRY(const Organisation organisation,
                co_await platform_.catalog.pool().transaction<Organisation>(
                    std::bind_front(&OrganisationSettings::store, this, std::move(wish))));
  Envelope envelope{.data = to_json(organisation), .message = "Settings changed"};
  if (!change.firewall_default) {
    co_return answer(call.request, preconditions, std::move(envelope), 200);
  }
  // Also when it was so before: that call may not have heard of every gate.
  const std::string missing = missing_gates(co_await routes_.publish_all());
  if (!missing.empty()) envelope.message += "; " + missing;
  co_return answer(call.request, preconditions, std::move(envelope), missing.empty() ? 200 : 202);
}

Task<Organisation> OrganisationSettings::store(Wish wish, pg::Connection& connection) {
  HOWDAH_CO_TRY(const Organisation was,
                co_await organisation_store::lock(connection, wish.caller.organisation_id));
  HOWDAH_CO_CHECK(wish.preconditions.check(content_revision(to_json(was))));
  Organisation is = changed(was, wish.change);
  json::object details = differences(was, is);
  if (details.empty()) co_return is;
  HOWDAH_CO_CHECK(co_await organisation_store::update(connection, is));
  AuditEntry entry{.action = "organisation.update",
                   .subject = "organisation:" + is.id.str(),
                   .details = std::move(details),
                   .request_id = wish.request_id};
  HOWDAH_CO_CHECK(co_await platform_.audit.append(connection, wish.caller, std::move(entry)));
  co_return is;
}

namespace {

Error storage_given_out(const organisation_store::Room& room) {
  return Error{
      .code = ErrorCode::limit_reached,
      .message = fmt::format("the organisation may have {} of storage, of which {} are given out",
                             to_pretty(static_cast<ByteCount>(*room.storage_bytes_max)),
                             to_pretty(static_cast<ByteCount>(room.storage_bytes))),
      .hint =
          "ask for a smaller storageLimitBytes, delete a database, or raise "
          "storageBytesMax with PATCH /api/organisation"};
}

}  // namespace

Task<void> check_storage_cap(pg::Connection& connection, OrganisationId id) {
  HOWDAH_CO_TRY(auto room, co_await organisation_store::lock_room(connection, id));
  if (!room.storage_bytes_max || room.storage_bytes <= *room.storage_bytes_max) {
    co_return Result<void>{};
  }
  co_return std::unexpected(storage_given_out(room));
}

Task<void> check_room_for_database(pg::Connection& connection, OrganisationId id,
                                   std::optional<std::int64_t> storage_limit_bytes) {
  HOWDAH_CO_TRY(const auto room, co_await organisation_store::lock_room(connection, id));
  if (room.databases_max && room.databases >= *room.databases_max) {
    co_return fail(ErrorCode::limit_reached,
                   fmt::format("the organisation may have {} databases and has {}",
                               *room.databases_max, room.databases),
                   "delete one, or raise databasesMax with PATCH /api/organisation");
  }
  if (room.branches_max && room.branches >= *room.branches_max) {
    co_return fail(ErrorCode::limit_reached,
                   fmt::format("the organisation may have {} branches and has {}",
                               *room.branches_max, room.branches),
                   "delete one, or raise branchesMax with PATCH /api/organisation");
  }
  if (!room.storage_bytes_max) co_return Result<void>{};
  // One without a limit of its own may begin while there is anything left.
  const std::int64_t left = *room.storage_bytes_max - room.storage_bytes;
  if (left > 0 && storage_limit_bytes.value_or(1) <= left) co_return Result<void>{};
  co_return std::unexpected(storage_given_out(room));
}

}  // namespace howdah::control
