// SPDX-License-Identifier: Apache-2.0
#include "nodeapi/messages.h"

#include <charconv>
#include <limits>
#include <utility>

#include "nodeapi/detail/reader.h"

namespace howdah::nodeapi {
namespace {

using detail::Reader;

constexpr std::int64_t kSecondsMax = 366 * 24 * 3600;
constexpr std::int64_t kConnectionsMax = 10'000;
constexpr std::int64_t kIntegerMax = std::numeric_limits<std::int64_t>::max();

bool only(std::string_view text, std::size_t size_max, std::string_view alphabet) {
  return !text.empty() && text.size() <= size_max &&
         text.find_first_not_of(alphabet) == std::string_view::npos;
}

json::value time_to_json(Timestamp time) {
  return json::string(to_rfc3339(time));
}

json::array ids_to_json(const std::vector<InstanceId>& ids) {
  json::array array;
  for (const InstanceId& id : ids) array.emplace_back(id.str());
  return array;
}

json::object hold_to_json(const Hold& hold) {
  return {{"holder", hold.holder},
          {"reason", hold.reason},
          {"expires_at", time_to_json(hold.expires_at)}};
}

Result<Hold> hold_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  Hold hold;
  hold.holder = in.holder("holder");
  hold.reason = in.text("reason");
  hold.expires_at = in.time("expires_at");
  HOWDAH_CHECK(in.finish());
  return hold;
}

Result<PostgresVersion> postgres_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  PostgresVersion postgres;
  postgres.major = static_cast<int>(in.integer("major", 1, 1000));
  postgres.version = in.text("version");
  postgres.bin_directory = in.text("bin_directory");
  HOWDAH_CHECK(in.finish());
  return postgres;
}

json::object settings_to_json(const ServerSettings& settings) {
  json::object object;
  for (const auto& [name, value] : settings) object[name] = value;
  return object;
}

Result<MissingPostgres> missing_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  MissingPostgres missing;
  missing.major = static_cast<int>(in.integer("major", 1, 1000));
  missing.instances = in.integer("instances", 0, kIntegerMax);
  HOWDAH_CHECK(in.finish());
  return missing;
}

Result<JournalEntry> entry_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  JournalEntry entry;
  entry.sequence = static_cast<std::uint64_t>(in.integer("sequence", 0, kIntegerMax));
  entry.at = in.time("at");
  entry.instance_id = in.instance_id("instance_id");
  entry.state = in.state("state");
  entry.reason = in.text("reason");
  HOWDAH_CHECK(in.finish());
  return entry;
}

constexpr const char* kLogBegin = "Log-Begin";
constexpr const char* kLogFirst = "Log-First";
constexpr const char* kLogLast = "Log-Last";

Result<std::uint64_t> position_of(const http::Response& response, const char* name) {
  const auto header = response.headers.find(name);
  std::uint64_t position = 0;
  if (header != response.headers.end()) {
    const std::string& text = header->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
    if (error == std::errc{} && end == text.data() + text.size()) return position;
  }
  return fail(ErrorCode::protocol_violation, std::string("a piece of a log comes without ") + name);
}

}  // namespace

std::string_view to_string(InstanceState state) {
  return detail::kStates[static_cast<std::size_t>(state)].second;
}

bool is_holder(std::string_view text) {
  // Not ".." and the like: a path with it would name another route.
  return only(text, 80, "abcdefghijklmnopqrstuvwxyz0123456789:._-") &&
         !std::string_view(":._-").contains(text.front());
}

bool is_instance_id(std::string_view text) {
  return only(text, 40, "abcdefghijklmnopqrstuvwxyz0123456789-");
}

http::Response to_response(LogPiece piece) {
  http::Response response;
  response.headers["Content-Type"] = "application/octet-stream";
  response.headers[kLogBegin] = std::to_string(piece.begin);
  response.headers[kLogFirst] = std::to_string(piece.first);
  response.headers[kLogLast] = std::to_string(piece.last);
  response.body = std::move(piece.text);
  return response;
}

Result<LogPiece> log_piece_from_response(http::Response response) {
  if (response.status != 200) return std::unexpected(http::error_of_response(response));
  LogPiece piece;
  HOWDAH_TRY(piece.begin, position_of(response, kLogBegin));
  HOWDAH_TRY(piece.first, position_of(response, kLogFirst));
  HOWDAH_TRY(piece.last, position_of(response, kLogLast));
  piece.text = std::move(response.body);
  const std::uint64_t end = piece.begin + piece.text.size();
  if (piece.begin < piece.first || end < piece.begin || end > piece.last) {
    return fail(ErrorCode::protocol_violation, "a piece of a log does not fit into its log");
  }
  return piece;
}

json::value to_json(const Instance& instance) {
  json::array holds;
  for (const Hold& hold : instance.holds) holds.push_back(hold_to_json(hold));
  return json::object{
      {"id", instance.id.str()},
      {"state", to_string(instance.state)},
      {"slug", instance.slug},
      {"token", instance.token},
      {"pg_major", instance.pg_major},
      {"size_class", instance.size_class},
      {"socket_directory", instance.socket_directory},
      {"system_identifier", std::to_string(instance.system_identifier)},
      {"suspend_after_s", instance.suspend_after_s},
      {"max_connections", instance.max_connections},
      {"storage_limit_bytes", instance.storage_limit_bytes},
      {"storage_bytes",
       instance.storage_bytes ? json::value(*instance.storage_bytes) : json::value()},
      {"storage_full", instance.storage_full},
      {"held_back", instance.held_back},
      {"settings", settings_to_json(instance.settings)},
      {"paused", instance.paused},
      {"pid", instance.pid ? json::value(*instance.pid) : json::value()},
      {"last_failure", instance.last_failure},
      {"last_activity", time_to_json(instance.last_activity)},
      {"holds", std::move(holds)}};
}

Result<Instance> instance_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  Instance instance;
  instance.id = in.instance_id("id");
  instance.state = in.state("state");
  instance.slug = in.text("slug");
  instance.token = in.text("token");
  instance.pg_major = static_cast<int>(in.integer("pg_major", 0, 1000));
  instance.size_class = in.text("size_class");
  instance.socket_directory = in.text("socket_directory");
  instance.system_identifier = in.big_integer("system_identifier");
  instance.suspend_after_s = in.integer("suspend_after_s", 0, kSecondsMax);
  instance.max_connections = in.integer("max_connections", 1, kConnectionsMax);
  // A node of a version before has not all of them.
  instance.storage_limit_bytes =
      in.optional_integer("storage_limit_bytes", 0, kIntegerMax).value_or(0);
  instance.storage_bytes = in.optional_integer("storage_bytes", 0, kIntegerMax);
  instance.storage_full = in.optional_bool("storage_full").value_or(false);
  instance.held_back = in.optional_bool("held_back").value_or(false);
  if (in.has("settings")) {
    instance.settings = in.server_settings("settings").value_or(ServerSettings());
  }
  if (in.has("paused")) instance.paused = in.optional_bool("paused").value_or(false);
  instance.pid = in.optional_integer("pid", 1, kIntegerMax);
  instance.last_failure = in.text("last_failure");
  instance.last_activity = in.time("last_activity");
  instance.holds = in.list("holds", hold_from_json);
  HOWDAH_CHECK(in.finish());
  return instance;
}

json::value to_json(const ClaimRequest& request) {
  return json::object{{"token", request.token},
                      {"pg_major", request.pg_major},
                      {"size_class", request.size_class},
                      {"suspend_after_s", request.suspend_after_s},
                      {"max_connections", request.max_connections},
                      {"storage_limit_bytes", request.storage_limit_bytes},
                      {"settings", settings_to_json(request.settings)},
                      {"owner_verifier", request.owner_verifier}};
}

Result<ClaimRequest> claim_request_from_json(const json::value& value) {
  const ClaimRequest defaults;
  Reader in(value);
  ClaimRequest request;
  request.token = in.required_string("token", 1, 80);
  request.pg_major = static_cast<int>(in.optional_integer("pg_major", 0, 1000).value_or(0));
  request.size_class = in.optional_string("size_class", 0, 40).value_or("");
  request.suspend_after_s =
      in.optional_integer("suspend_after_s", 0, kSecondsMax).value_or(defaults.suspend_after_s);
  request.max_connections =
      in.optional_integer("max_connections", 1, kConnectionsMax).value_or(defaults.max_connections);
  request.storage_limit_bytes =
      in.optional_integer("storage_limit_bytes", 0, kIntegerMax).value_or(0);
  request.settings = in.server_settings("settings").value_or(ServerSettings());
  request.owner_verifier = in.optional_string("owner_verifier", 0, 1024).value_or("");
  HOWDAH_CHECK(in.finish());
  return request;
}

json::value to_json(const AcquireRequest& request) {
  return json::object{
      {"holder", request.holder}, {"reason", request.reason}, {"ttl_s", request.ttl_s}};
}

Result<AcquireRequest> acquire_request_from_json(const json::value& value) {
  Reader in(value);
  AcquireRequest request;
  request.holder = in.holder("holder");
  request.reason = in.optional_string("reason", 0, 200).value_or("");
  request.ttl_s = in.optional_integer("ttl_s", 1, kSecondsMax).value_or(AcquireRequest().ttl_s);
  HOWDAH_CHECK(in.finish());
  return request;
}

json::value to_json(const RenewRequest& request) {
  return json::object{
      {"holder", request.holder}, {"ids", ids_to_json(request.ids)}, {"ttl_s", request.ttl_s}};
}

Result<RenewRequest> renew_request_from_json(const json::value& value) {
  Reader in(value);
  RenewRequest request;
  request.holder = in.holder("holder");
  request.ids = in.instance_ids("ids", kRenewMax);
  request.ttl_s = in.optional_integer("ttl_s", 1, kSecondsMax).value_or(RenewRequest().ttl_s);
  HOWDAH_CHECK(in.finish());
  return request;
}

json::value to_json(const StopRequest& request) {
  return json::object{{"force", request.force}};
}

Result<StopRequest> stop_request_from_json(const json::value& value) {
  if (value.is_null()) return StopRequest{};
  Reader in(value);
  const StopRequest request{in.optional_bool("force").value_or(false)};
  HOWDAH_CHECK(in.finish());
  return request;
}

json::value to_json(const InstanceSettings& settings) {
  json::object object;
  if (settings.suspend_after_s) object["suspend_after_s"] = *settings.suspend_after_s;
  if (settings.max_connections) object["max_connections"] = *settings.max_connections;
  if (settings.size_class) object["size_class"] = *settings.size_class;
  if (settings.storage_limit_bytes) object["storage_limit_bytes"] = *settings.storage_limit_bytes;
  if (settings.settings) object["settings"] = settings_to_json(*settings.settings);
  if (settings.paused) object["paused"] = *settings.paused;
  return object;
}

Result<InstanceSettings> instance_settings_from_json(const json::value& value) {
  Reader in(value);
  InstanceSettings settings;
  settings.suspend_after_s = in.optional_integer("suspend_after_s", 0, kSecondsMax);
  settings.max_connections = in.optional_integer("max_connections", 1, kConnectionsMax);
  settings.size_class = in.optional_string("size_class", 1, 40);
  settings.storage_limit_bytes = in.optional_integer("storage_limit_bytes", 0, kIntegerMax);
  settings.settings = in.server_settings("settings");
  settings.paused = in.optional_bool("paused");
  HOWDAH_CHECK(in.finish());
  return settings;
}

json::value to_json(const NodeStatus& status) {
  json::array postgres;
  for (const PostgresVersion& version : status.postgres) {
    postgres.push_back(json::object{{"major", version.major},
                                    {"version", version.version},
                                    {"bin_directory", version.bin_directory}});
  }
  json::array missing;
  for (const MissingPostgres& one : status.missing_postgres) {
    missing.push_back(json::object{{"major", one.major}, {"instances", one.instances}});
  }
  return json::object{{"node_id", status.node_id.str()},
                      {"version", status.version},
                      {"volume_driver", status.volume_driver},
                      {"volume_size_bytes", status.volume_size_bytes},
                      {"volume_free_bytes", status.volume_free_bytes},
                      {"volume_state", status.volume_state},
                      {"volume_ballast_bytes", status.volume_ballast_bytes},
                      {"volume_refuse_bytes", status.volume_refuse_bytes},
                      {"volume_suspend_bytes", status.volume_suspend_bytes},
                      {"volume_can_grow", status.volume_can_grow},
                      {"instances_held_back", status.instances_held_back},
                      {"postgres", std::move(postgres)},
                      {"missing_postgres", std::move(missing)},
                      {"pg_major_default", status.pg_major_default},
                      {"instances", status.instances},
                      {"instances_running", status.instances_running},
                      {"spares_ready", status.spares_ready},
                      {"degraded", json::array(status.degraded.begin(), status.degraded.end())},
                      {"catalog_socket_directory", status.catalog_socket_directory}};
}

Result<NodeStatus> node_status_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  NodeStatus status;
  status.node_id = NodeId(in.text("node_id"));
  status.version = in.text("version");
  status.volume_driver = in.text("volume_driver");
  status.volume_size_bytes =
      static_cast<ByteCount>(in.integer("volume_size_bytes", 0, kIntegerMax));
  status.volume_free_bytes =
      static_cast<ByteCount>(in.integer("volume_free_bytes", 0, kIntegerMax));
  // A node of the version before has none of these.
  const auto bytes = [&in](std::string_view name) {
    return static_cast<ByteCount>(in.optional_integer(name, 0, kIntegerMax).value_or(0));
  };
  status.volume_state = in.optional_string("volume_state", 1, 40).value_or("ok");
  status.volume_ballast_bytes = bytes("volume_ballast_bytes");
  status.volume_refuse_bytes = bytes("volume_refuse_bytes");
  status.volume_suspend_bytes = bytes("volume_suspend_bytes");
  status.volume_can_grow = in.optional_bool("volume_can_grow").value_or(false);
  status.instances_held_back =
      in.optional_integer("instances_held_back", 0, kIntegerMax).value_or(0);
  status.postgres = in.list("postgres", postgres_from_json);
  // A node of the version before has no such field.
  if (in.optional_value("missing_postgres") != nullptr) {
    status.missing_postgres = in.list("missing_postgres", missing_from_json);
  }
  status.pg_major_default = static_cast<int>(in.integer("pg_major_default", 0, 1000));
  status.instances = in.integer("instances", 0, kIntegerMax);
  status.instances_running = in.integer("instances_running", 0, kIntegerMax);
  status.spares_ready = in.integer("spares_ready", 0, kIntegerMax);
  status.degraded = in.texts("degraded", 1000);
  status.catalog_socket_directory = in.text("catalog_socket_directory");
  HOWDAH_CHECK(in.finish());
  return status;
}

json::value to_json(const JournalPage& page) {
  json::array entries;
  for (const JournalEntry& entry : page.entries) {
    entries.push_back(json::object{{"sequence", entry.sequence},
                                   {"at", time_to_json(entry.at)},
                                   {"instance_id", entry.instance_id.str()},
                                   {"state", to_string(entry.state)},
                                   {"reason", entry.reason}});
  }
  return json::object{{"boot_id", page.boot_id}, {"entries", std::move(entries)}};
}

Result<JournalPage> journal_page_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  JournalPage page;
  page.boot_id = in.required_string("boot_id", 1, 80);
  page.entries = in.list("entries", entry_from_json);
  HOWDAH_CHECK(in.finish());
  return page;
}

json::value volume_size_to_json(ByteCount size_bytes) {
  return json::object{{"size_bytes", size_bytes}};
}

Result<ByteCount> volume_size_from_json(const json::value& value) {
  Reader in(value);
  const std::int64_t size = in.integer("size_bytes", 1, kIntegerMax);
  HOWDAH_CHECK(in.finish());
  return static_cast<ByteCount>(size);
}

json::value instances_to_json(const std::vector<Instance>& instances) {
  json::array array;
  for (const Instance& instance : instances) array.push_back(to_json(instance));
  return json::object{{"instances", std::move(array)}};
}

Result<std::vector<Instance>> instances_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  auto instances = in.list("instances", instance_from_json);
  HOWDAH_CHECK(in.finish());
  return instances;
}

Result<std::string> inventory_version_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  std::string version = in.text("version");
  HOWDAH_CHECK(in.finish());
  return version;
}

json::value renewed_to_json(const std::vector<InstanceId>& ids) {
  return json::object{{"renewed", ids_to_json(ids)}};
}

Result<std::vector<InstanceId>> renewed_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  auto ids = in.instance_ids("renewed", kRenewMax);
  HOWDAH_CHECK(in.finish());
  return ids;
}

}  // namespace howdah::nodeapi
