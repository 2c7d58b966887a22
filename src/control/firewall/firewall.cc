// SPDX-License-Identifier: Apache-2.0
#include "control/firewall/firewall.h"

#include <fmt/format.h>

#include <functional>
#include <utility>

#include "base/log.h"
#include "control/databases/database_store.h"
#include "control/plan.h"
#include "control/rehearsal.h"

namespace howdah::control {
namespace {

constexpr std::chrono::hours kPrunePeriod{1};

std::vector<BranchId> ids_of(const std::vector<firewall_store::Branch>& branches) {
  std::vector<BranchId> ids;
  for (const auto& branch : branches) ids.push_back(branch.id);
  return ids;
}

// Empty: every branch. Errors: not_found.
Result<std::optional<BranchId>> find_branch(const std::vector<firewall_store::Branch>& branches,
                                            const std::optional<std::string>& slug) {
  if (!slug) return std::optional<BranchId>();
  for (const auto& branch : branches) {
    if (branch.slug == *slug && !branch.deleted) return std::optional(branch.id);
  }
  return fail(ErrorCode::not_found, "this database has no branch " + *slug,
              "leave branch out to allow the address on every branch");
}

AuditEntry entry_of(std::string action, const FirewallRule& rule, const std::string& request_id) {
  json::object details = to_json(rule);
  for (const char* field : {"id", "database_id", "added_at", "added_by", "etag"})
    details.erase(field);
  return {.action = std::move(action),
          .subject = "firewall_rule:" + rule.id,
          .database_id = rule.database_id,
          .details = std::move(details),
          .request_id = request_id};
}

// done: the status when every gate has it.
http::Response answer(int done, const FirewallRule& rule, std::string message,
                      const Result<Published>& published) {
  const std::string missing = missing_gates(published);
  if (!missing.empty()) message += "; " + missing;
  json::object data = to_json(rule);
  std::string etag(data.at("etag").as_string());
  http::Response response = success(missing.empty() ? done : 202,
                                    {.data = std::move(data), .message = std::move(message)});
  response.headers["ETag"] = std::move(etag);
  return response;
}

http::Response answer_planned(std::string action, const DatabaseId& id, std::int64_t rules_from,
                              std::int64_t rules_to) {
  Plan plan{.action = std::move(action), .database_id = id};
  if (rules_from != rules_to) plan.changes["rules"] = {{"from", rules_from}, {"to", rules_to}};
  plan.sessions_cut = std::nullopt;
  return plan_response(plan);
}

}  // namespace

void Firewall::add_routes(Routes& routes) {
  const std::string path = "/api/databases/{id}/whitelist";
  routes.add(http::Method::post, path, Access::write, std::bind_front(&Firewall::add, this));
  routes.add(http::Method::get, path, Access::read, std::bind_front(&Firewall::list, this));
  routes.keep_answers(path);
  routes.add(http::Method::del, path + "/{whitelistId}", Access::write,
             std::bind_front(&Firewall::remove, this));
}

Task<void> Firewall::start() {
  tasks_.spawn("firewall", prune_loop());
  co_return Result<void>{};
}

asio::awaitable<void> Firewall::stop() {
  co_await tasks_.stop();
}

asio::awaitable<void> Firewall::prune_loop() {
  for (;;) {
    co_await net::sleep_for(kPrunePeriod);
    const auto pruned = co_await firewall_store::prune(platform_.catalog.pool(), kKeepRemoved);
    if (!pruned) log::debug("firewall", "forget removed rules: {}", pruned.error().to_log());
  }
}

Task<http::Response> Firewall::add(Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(const json::value body, read_body(call.request));
  HOWDAH_CO_TRY(NewFirewallRule wanted, read_new_firewall_rule(body, now()));
  Wish wish{.database_id = DatabaseId(call.request.parameters.at("id")),
            .wanted = std::move(wanted),
            .rule_id = {},
            .caller = call.caller,
            .request_id = call.request.request_id};
  pg::Pool& pool = platform_.catalog.pool();
  const auto store = std::bind_front(&Firewall::store_added, this, wish);
  if (dry_run) {
    HOWDAH_CO_TRY(const Added added, co_await rehearse<Added>(pool, store));
    const std::int64_t before = added.outcome.rules_before;
    co_return answer_planned("firewall_rule.create", wish.database_id, before, before + 1);
  }
  HOWDAH_CO_TRY(const Added added, co_await pool.transaction<Added>(store));
  const auto published = co_await routes_.publish(added.branches);
  const FirewallRule& rule = added.outcome.rule;
  std::string message = rule.ip_address + " may connect";
  if (added.outcome.rules_before == 0) message += "; addresses without a rule may not any more";
  co_return answer(201, rule, std::move(message), published);
}

Task<Firewall::Added> Firewall::store_added(Wish wish, pg::Connection& connection) {
  HOWDAH_CO_TRY(const auto branches,
                co_await firewall_store::lock_database(connection, wish.database_id));
  HOWDAH_CO_TRY(const auto branch_id, find_branch(branches, wish.wanted.branch));
  HOWDAH_CO_TRY(auto inserted,
                co_await firewall_store::insert(
                    connection, {wish.database_id, branch_id, wish.wanted, wish.caller.actor}));
  if (inserted.rules_before >= kRulesMax) {
    co_return fail(ErrorCode::limit_reached,
                   fmt::format("a database has at most {} firewall rules", kRulesMax),
                   "remove some, or allow a network in place of its addresses");
  }
  HOWDAH_CO_CHECK(co_await platform_.audit.append(
      connection, wish.caller, entry_of("firewall_rule.create", inserted.rule, wish.request_id)));
  co_return Added{std::move(inserted), ids_of(branches)};
}

Task<http::Response> Firewall::remove(Call call) {
  QueryReader query(call.request.query);
  const bool dry_run = query.flag("dryRun");
  HOWDAH_CO_CHECK(query.finish());
  HOWDAH_CO_TRY(auto preconditions, Preconditions::of(call.request));
  Wish wish{.database_id = DatabaseId(call.request.parameters.at("id")),
            .wanted = {},
            .rule_id = call.request.parameters.at("whitelistId"),
            .preconditions = std::move(preconditions),
            .caller = call.caller,
            .request_id = call.request.request_id};
  pg::Pool& pool = platform_.catalog.pool();
  const auto store = std::bind_front(&Firewall::store_removed, this, wish);
  if (dry_run) {
    HOWDAH_CO_TRY(const Removed removed, co_await rehearse<Removed>(pool, store));
    const std::int64_t left = removed.outcome.rules_left;
    co_return answer_planned("firewall_rule.delete", wish.database_id,
                             left + (removed.outcome.now ? 1 : 0), left);
  }
  HOWDAH_CO_TRY(const Removed removed, co_await pool.transaction<Removed>(store));
  // Also when it was removed before: that call may not have heard of every gate.
  const auto published = co_await routes_.publish(removed.branches);
  const FirewallRule& rule = removed.outcome.rule;
  std::string message = removed.outcome.now ? "The rule for " + rule.ip_address + " is removed"
                                            : "The rule was removed before";
  if (removed.outcome.rules_left == 0) {
    message += "; no rule is left, so the organisation's default holds";
  }
  co_return answer(200, rule, std::move(message), published);
}

Task<Firewall::Removed> Firewall::store_removed(Wish wish, pg::Connection& connection) {
  HOWDAH_CO_TRY(const auto branches,
                co_await firewall_store::lock_database(connection, wish.database_id));
  HOWDAH_CO_TRY(auto removed,
                co_await firewall_store::remove(connection, wish.database_id, wish.rule_id));
  HOWDAH_CO_CHECK(wish.preconditions.check(revision_of(removed.rule)));
  if (removed.now) {
    HOWDAH_CO_CHECK(co_await platform_.audit.append(
        connection, wish.caller, entry_of("firewall_rule.delete", removed.rule, wish.request_id)));
  }
  co_return Removed{std::move(removed), ids_of(branches)};
}

Task<http::Response> Firewall::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  if (page.after && !is_uuid(page.after->id)) {
    query.reject("cursor", "is not a cursor that this list gave");
  }
  std::optional<std::string> network;
  if (const auto text = query.text("ipAddress")) {
    const auto parsed = parse_allowed_address(*text);
    if (!parsed) query.reject("ipAddress", parsed.error());
    if (parsed) network = parsed->network;
  }
  HOWDAH_CO_CHECK(query.finish());
  pg::Pool& pool = platform_.catalog.pool();
  HOWDAH_CO_TRY(const Database database,
                co_await database_store::find(pool, DatabaseId(call.request.parameters.at("id"))));
  if (database.status == "deleted") {
    co_return fail(ErrorCode::database_deleted, "the database was deleted");
  }
  HOWDAH_CO_TRY(const auto rules,
                co_await firewall_store::list(pool, {database.id, network}, page));
  std::vector<ListRow> rows;
  rows.reserve(rules.size());
  for (const FirewallRule& rule : rules) rows.push_back({to_json(rule), {rule.added_at, rule.id}});
  co_return list_response(call.request, page, std::move(rows));
}

Task<void> insert_first_rules(const AuditLog& audit, pg::Connection& connection, FirstRules rules) {
  if (rules.addresses.empty()) co_return Result<void>{};
  HOWDAH_CO_CHECK(co_await firewall_store::insert_first(connection, rules.database_id,
                                                        rules.addresses, rules.caller.actor));
  json::array addresses;
  for (const AllowedAddress& address : rules.addresses) {
    addresses.push_back(json::value(address.ip_address));
  }
  AuditEntry entry{.action = "firewall_rule.create",
                   .subject = "database:" + rules.database_id.str(),
                   .database_id = rules.database_id,
                   .details = {{"ip_addresses", std::move(addresses)}},
                   .request_id = rules.request_id};
  co_return co_await audit.append(connection, rules.caller, std::move(entry));
}

}  // namespace howdah::control
