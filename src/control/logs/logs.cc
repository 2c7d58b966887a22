// SPDX-License-Identifier: Apache-2.0
#include "control/logs/logs.h"

#include <fmt/format.h>

#include <charconv>
#include <functional>
#include <limits>
#include <utility>

#include "control/databases/ready_database.h"
#include "http/event_stream.h"

namespace howdah::control {
namespace {

using Clock = std::chrono::steady_clock;

constexpr milliseconds kPoll{250};
constexpr auto kHeartbeat = std::chrono::seconds(15);
constexpr std::int64_t kFirstMax = 1'000;

std::optional<Timestamp> read_time(QueryReader& query, std::string_view name) {
  const auto text = query.text(name);
  if (!text) return std::nullopt;
  const auto time = parse_rfc3339(*text);
  if (!time) query.reject(name, "must be an RFC 3339 time in UTC: 2026-01-02T03:04:05Z");
  return time;
}

LogFilter read_filter(QueryReader& query) {
  LogFilter filter;
  if (const auto text = query.text("level")) {
    const auto level = parse_log_level(*text);
    if (!level) {
      query.reject("level", "must be debug, info, notice, log, warning, error, fatal or panic");
    }
    filter.level = level.value_or(LogLevel::debug);
  }
  filter.search = query.text("search").value_or("");
  return filter;
}

// Last-Event-ID as the browser sends it back; anything else is none.
std::optional<std::uint64_t> last_event_of(const http::Request& request) {
  constexpr std::uint64_t kPositionMax = std::numeric_limits<std::int64_t>::max();
  const auto header = request.headers.find("Last-Event-ID");
  if (header == request.headers.end()) return std::nullopt;
  std::uint64_t position = 0;
  const std::string& text = header->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), position);
  const bool whole = error == std::errc{} && end == text.data() + text.size();
  return whole && position <= kPositionMax ? std::optional(position) : std::nullopt;
}

std::string event_of(const LogEntry& entry) {
  return http::format_event({"log", json::serialize(to_json(entry)), std::to_string(entry.end)});
}

}  // namespace

void Logs::add_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/databases/{id}/logs", Access::read,
             std::bind_front(&Logs::list, this));
  routes.add(http::Method::get, "/api/databases/{id}/logs/events", Access::read,
             std::bind_front(&Logs::events, this));
}

Task<http::Response> Logs::list(Call call) {
  QueryReader query(call.request.query);
  const Page page = read_page(query);
  LogQuery wanted;
  wanted.limit = page.limit;
  wanted.filter = read_filter(query);
  wanted.filter.since = read_time(query, "since");
  wanted.filter.until = read_time(query, "until");
  if (page.after) {
    const std::string& id = page.after->id;
    std::uint64_t position = 0;
    const auto end = std::from_chars(id.data(), id.data() + id.size(), position).ptr;
    if (end != id.data() + id.size()) {
      query.reject("cursor", "is not a cursor that this list gave");
    }
    wanted.before = position;
  }
  HOWDAH_CO_TRY(const Database database,
                co_await find_branch_database(platform_.catalog.pool(), call.request, query));
  wanted.instance = database.main_instance;
  HOWDAH_CO_TRY(const LogPage found, co_await read_log_page(platform_.node, std::move(wanted)));
  json::array rows;
  rows.reserve(found.entries.size());
  for (const LogEntry& entry : found.entries) rows.push_back(to_json(entry));
  std::optional<Cursor> next;
  if (found.older) next = Cursor{now(), std::to_string(*found.older)};
  co_return list_response(call.request, std::move(rows), next);
}

Task<http::Response> Logs::events(Call call) {
  QueryReader query(call.request.query);
  Follow follow;
  follow.filter = read_filter(query);
  follow.filter.since = read_time(query, "since");
  follow.first = static_cast<std::size_t>(query.integer("first", 0, kFirstMax).value_or(0));
  HOWDAH_CO_TRY(const Database database,
                co_await find_branch_database(platform_.catalog.pool(), call.request, query));
  if (streams_ >= kStreamsMax) {
    co_return fail(ErrorCode::rate_limited, "there are too many event streams; try again later");
  }
  follow.database_id = database.id;
  follow.instance = database.main_instance;
  follow.from = last_event_of(call.request);
  follow.caller = call.caller;
  http::Response response;
  response.headers["Content-Type"] = "text/event-stream";
  response.headers["Cache-Control"] = "no-store";
  response.stream = std::bind_front(&Logs::stream, this, std::move(follow));
  co_return response;
}

// The entries before it follows, and where it begins to follow.
Task<std::string> Logs::begin(Follow& follow) {
  std::string text = ": following\n\n";
  if (follow.from || follow.first == 0) co_return text;
  HOWDAH_CO_TRY(
      const LogPage page,
      co_await read_log_page(platform_.node, {follow.instance, follow.filter, {}, follow.first}));
  for (const LogEntry& entry : page.entries) text += event_of(entry);
  if (!page.entries.empty()) follow.from = page.entries.back().end;
  co_return text;
}

Task<void> Logs::stream(Follow follow, http::BodyWriter write) {
  struct Counted {
    std::size_t& count;
    explicit Counted(std::size_t& counter) : count(counter) { ++count; }
    ~Counted() { --count; }
  } counted(streams_);
  HOWDAH_CO_TRY(std::string text, co_await begin(follow));
  LogFollower follower(platform_.node, follow.instance, follow.from);
  auto last_write = Clock::now();
  // A key that is revoked while its stream runs ends the stream.
  while (platform_.api_keys.still_valid(follow.caller)) {
    if (Clock::now() - last_write > kHeartbeat) {
      // So does the deletion of the database.
      if (!co_await find_ready_database(platform_.catalog.pool(), follow.database_id)) break;
      text = http::kEventHeartbeat;
    }
    if (!text.empty()) {
      HOWDAH_CO_CHECK(co_await write(std::exchange(text, {})));
      last_write = Clock::now();
    }
    auto news = co_await follower.next();
    if (!news && news.error().code == ErrorCode::not_found) break;
    // A node agent that restarts is back in a moment.
    if (!news && news.error().code != ErrorCode::unavailable) {
      co_return std::unexpected(std::move(news).error());
    }
    if (news && news->lost > 0) {
      text += http::format_event({"gap", fmt::format(R"({{"bytes":{}}})", news->lost), ""});
    }
    if (news) {
      for (const LogEntry& entry : news->entries) {
        if (follow.filter.admits(entry)) text += event_of(entry);
      }
    }
    if (text.empty() || !news || !news->more) co_await net::sleep_for(kPoll);
  }
  co_return Result<void>{};
}

}  // namespace howdah::control
