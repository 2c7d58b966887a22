// SPDX-License-Identifier: Apache-2.0
#include "model/route.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "model/detail/json_time.h"

namespace howdah {
namespace {

constexpr std::array<std::pair<RouteState, std::string_view>, 4> kStates{{
    {RouteState::open, "open"},
    {RouteState::paused, "paused"},
    {RouteState::deleted, "deleted"},
    {RouteState::sealed, "sealed"},
}};
// More than this in one list is damage, not data.
constexpr std::size_t kListMax = 100'000;

// The array `name` of the object, each item read by `read`; a missing array is empty.
template <typename Item, typename Read>
Result<std::vector<Item>> read_list(JsonReader& in, std::string_view name, Read read) {
  std::vector<Item> items;
  const json::value* value = in.optional_value(name);
  if (value == nullptr) return items;
  const json::array* array = value->if_array();
  if (array == nullptr || array->size() > kListMax) {
    in.reject(name, fmt::format("must be a list of at most {} items", kListMax));
    return items;
  }
  items.reserve(array->size());
  for (const json::value& element : *array) {
    HOWDAH_TRY(Item item, read(element));
    items.push_back(std::move(item));
  }
  return items;
}

json::value verifier_to_json(const RouteVerifier& verifier) {
  return {{"verifier", verifier.verifier},
          {"valid_until", optional_time(verifier.valid_until)},
          {"generation", verifier.generation}};
}

Result<RouteVerifier> verifier_from_json(const json::value& value) {
  JsonReader in(value);
  RouteVerifier verifier{in.required_string("verifier", 1, kVerifierSizeMax),
                         read_time(in, "valid_until")};
  verifier.generation = in.optional_integer("generation", 0, INT32_MAX).value_or(0);
  HOWDAH_CHECK(in.finish());
  return verifier;
}

json::value role_to_json(const RouteRole& role) {
  json::array verifiers;
  for (const RouteVerifier& verifier : role.verifiers) {
    verifiers.push_back(verifier_to_json(verifier));
  }
  return {{"name", role.name},
          {"verifiers", std::move(verifiers)},
          {"can_login", role.can_login},
          {"valid_until", optional_time(role.valid_until)},
          {"changed_at", optional_time(role.changed_at)},
          {"cut_before", optional_time(role.cut_before)}};
}

Result<RouteRole> role_from_json(const json::value& value) {
  JsonReader in(value);
  RouteRole role;
  role.name = in.required_string("name", 1, 63);
  HOWDAH_TRY(role.verifiers, read_list<RouteVerifier>(in, "verifiers", verifier_from_json));
  role.can_login = in.optional_bool("can_login").value_or(true);
  role.valid_until = read_time(in, "valid_until");
  role.changed_at = read_time(in, "changed_at");
  role.cut_before = read_time(in, "cut_before");
  HOWDAH_CHECK(in.finish());
  return role;
}

json::value rule_to_json(const RouteRule& rule) {
  return {{"network", rule.network}, {"expires_at", optional_time(rule.expires_at)}};
}

// By hand, since a route may have ten thousand of them and a gate serves nobody while it reads.
Result<RouteRule> rule_from_json(const json::value& value) {
  const json::object* object = value.if_object();
  const json::value* network = object != nullptr ? object->if_contains("network") : nullptr;
  const json::value* expiry = object != nullptr ? object->if_contains("expires_at") : nullptr;
  const auto wrong = [] { return fail(ErrorCode::invalid_request, "a firewall rule is wrong"); };
  if (network == nullptr || !network->is_string()) return wrong();
  RouteRule rule{std::string(network->get_string()), {}};
  if (rule.network.empty() || rule.network.size() > 64) return wrong();
  if (object->size() != (expiry == nullptr ? 1U : 2U)) return wrong();  // an unknown field
  if (expiry == nullptr || expiry->is_null()) return rule;
  if (expiry->is_string()) rule.expires_at = parse_rfc3339(std::string_view(expiry->get_string()));
  if (!rule.expires_at) return wrong();
  return rule;
}

Result<BranchId> branch_id_from_json(const json::value& value) {
  if (!value.is_string()) return fail(ErrorCode::invalid_request, "a branch id must be a string");
  return BranchId(std::string(value.get_string()));
}

RouteState read_state(JsonReader& in) {
  const std::string text = in.required_string("state", 1, 20);
  for (const auto& [state, name] : kStates) {
    if (name == text) return state;
  }
  in.reject("state", "is not a known state");
  return RouteState::sealed;
}

json::value to_json(const BranchUse& use) {
  return {{"branch_id", use.branch_id.str()},
          {"open_sessions", use.open_sessions},
          {"last_activity", to_rfc3339(use.last_activity)}};
}

Result<BranchUse> use_from_json(const json::value& value) {
  JsonReader in(value);
  BranchUse use;
  use.branch_id = BranchId(in.required_string("branch_id", 1, 64));
  use.open_sessions = in.optional_integer("open_sessions", 0, 1 << 24).value_or(0);
  use.last_activity = read_time(in, "last_activity").value_or(Timestamp{});
  HOWDAH_CHECK(in.finish());
  return use;
}

json::value to_json(const DeniedAttempt& denied) {
  return {{"branch_id", denied.branch_id.str()},     {"address", denied.address},
          {"direct_count", denied.direct_count},     {"pooled_count", denied.pooled_count},
          {"first_at", to_rfc3339(denied.first_at)}, {"last_at", to_rfc3339(denied.last_at)}};
}

Result<DeniedAttempt> denied_from_json(const json::value& value) {
  constexpr std::int64_t kCountMax = INT64_C(1) << 40;
  JsonReader in(value);
  DeniedAttempt denied;
  denied.branch_id = BranchId(in.required_string("branch_id", 1, 64));
  denied.address = in.optional_string("address", 0, 45).value_or("");
  denied.direct_count = in.optional_integer("direct_count", 0, kCountMax).value_or(0);
  denied.pooled_count = in.optional_integer("pooled_count", 0, kCountMax).value_or(0);
  denied.first_at = read_time(in, "first_at").value_or(Timestamp{});
  denied.last_at = read_time(in, "last_at").value_or(Timestamp{});
  HOWDAH_CHECK(in.finish());
  return denied;
}

// Empty lists are left out.
template <typename Item>
void add_list(json::object& object, std::string_view name, const std::vector<Item>& items) {
  if (items.empty()) return;
  json::array array;
  for (const Item& item : items) array.push_back(to_json(item));
  object[name] = std::move(array);
}

// A version number inside an object that holds it alone.
Result<std::uint64_t> version_in(JsonReader& in) {
  return static_cast<std::uint64_t>(in.optional_integer("version", 0, INT64_MAX).value_or(0));
}

}  // namespace

std::string_view to_string(RouteState state) {
  return kStates[static_cast<std::size_t>(state)].second;
}

json::value to_json(const Route& route) {
  json::array roles, rules, databases;
  for (const RouteRole& role : route.roles) roles.push_back(role_to_json(role));
  for (const RouteRule& rule : route.rules) rules.push_back(rule_to_json(rule));
  for (const std::string& name : route.logical_databases) databases.push_back(json::value(name));
  return {{"branch_id", route.branch_id.str()},
          {"database_id", route.database_id.str()},
          {"instance_id", route.instance_id.str()},
          {"slug", route.slug},
          {"branch", route.branch},
          {"state", to_string(route.state)},
          {"sealed_reason", route.sealed_reason},
          {"logical_databases", std::move(databases)},
          {"roles", std::move(roles)},
          {"rules", std::move(rules)},
          {"default_closed", route.default_closed},
          {"max_connections", route.max_connections}};
}

Result<Route> route_from_json(const json::value& value) {
  JsonReader in(value);
  Route route;
  route.branch_id = BranchId(in.required_string("branch_id", 1, 64));
  route.database_id = DatabaseId(in.required_string("database_id", 1, 64));
  route.instance_id = InstanceId(in.required_string("instance_id", 1, 64));
  route.slug = in.required_string("slug", 1, 64);
  route.branch = in.required_string("branch", 1, 64);
  route.state = read_state(in);
  route.sealed_reason = in.optional_string("sealed_reason", 0, 1000).value_or("");
  route.logical_databases =
      in.optional_strings("logical_databases", kListMax).value_or(std::vector<std::string>());
  HOWDAH_TRY(route.roles, read_list<RouteRole>(in, "roles", role_from_json));
  HOWDAH_TRY(route.rules, read_list<RouteRule>(in, "rules", rule_from_json));
  route.default_closed = in.optional_bool("default_closed").value_or(false);
  route.max_connections = in.optional_integer("max_connections", 1, 100'000).value_or(1);
  HOWDAH_CHECK(in.finish());
  return route;
}

bool adds_nothing_but_learned(const RouteUpdate& update) {
  return !update.snapshot && !update.learned.empty() && update.upserted.empty() &&
         update.removed.empty();
}

json::value to_json(const RouteUpdate& update) {
  json::array upserted, removed;
  for (const Route& route : update.upserted) upserted.push_back(to_json(route));
  for (const BranchId& id : update.removed) removed.push_back(json::value(id.str()));
  json::object object{{"snapshot", update.snapshot},
                      {"version", update.version},
                      {"upserted", std::move(upserted)},
                      {"removed", std::move(removed)}};
  add_list(object, "learned", update.learned);
  return object;
}

Result<RouteUpdate> route_update_from_json(const json::value& value) {
  JsonReader in(value);
  RouteUpdate update;
  update.snapshot = in.optional_bool("snapshot").value_or(false);
  HOWDAH_TRY(update.version, version_in(in));
  HOWDAH_TRY(update.upserted, read_list<Route>(in, "upserted", route_from_json));
  HOWDAH_TRY(update.removed, read_list<BranchId>(in, "removed", branch_id_from_json));
  HOWDAH_TRY(update.learned, read_list<RoleChange>(in, "learned", role_change_from_json));
  HOWDAH_CHECK(in.finish());
  return update;
}

json::value to_json(const GateMessage& message) {
  json::object object;
  if (message.hello) {
    object["hello"] = {{"gate_id", message.hello->gate_id.str()},
                       {"version", message.hello->version}};
  }
  if (message.ack) object["ack"] = {{"version", message.ack->version}};
  add_list(object, "use", message.use);
  add_list(object, "denied", message.denied);
  add_list(object, "role_changes", message.role_changes);
  add_list(object, "logins", message.logins);
  return object;
}

Result<GateMessage> gate_message_from_json(const json::value& value) {
  JsonReader in(value);
  GateMessage message;
  if (const json::value* hello_value = in.optional_value("hello")) {
    JsonReader hello_in(*hello_value);
    GateHello hello;
    hello.gate_id = GateId(hello_in.required_string("gate_id", 1, 64));
    HOWDAH_TRY(hello.version, version_in(hello_in));
    HOWDAH_CHECK(hello_in.finish());
    message.hello = hello;
  }
  if (const json::value* ack_value = in.optional_value("ack")) {
    JsonReader ack_in(*ack_value);
    HOWDAH_TRY(const std::uint64_t version, version_in(ack_in));
    HOWDAH_CHECK(ack_in.finish());
    message.ack = GateAck{version};
  }
  HOWDAH_TRY(message.use, read_list<BranchUse>(in, "use", use_from_json));
  HOWDAH_TRY(message.denied, read_list<DeniedAttempt>(in, "denied", denied_from_json));
  HOWDAH_TRY(message.role_changes,
             read_list<RoleChange>(in, "role_changes", role_change_from_json));
  HOWDAH_TRY(message.logins, read_list<LoginSeen>(in, "logins", login_seen_from_json));
  HOWDAH_CHECK(in.finish());
  return message;
}

}  // namespace howdah
