// SPDX-License-Identifier: Apache-2.0
// `howdah logs [DB]`: what a database's PostgreSQL logged, or without DB the daemons themselves.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <thread>

#include "base/json.h"
#include "cli/commands/log_output.h"
#include "cli/context.h"
#include "net/run.h"

namespace howdah::cli {
namespace {

using namespace std::chrono_literals;

constexpr milliseconds kPoll = 250ms;
constexpr milliseconds kSilenceMax = 60s;  // the server says something every 15 s
constexpr std::size_t kPageMax = 200;

struct LogOptions {
  std::string database;
  bool follow = false;
  std::string since;
  std::string level;
  std::string search;
  std::int64_t lines = 100;
};

void print_entry(const Context& context, const boost::json::object& entry) {
  if (context.format() == OutputFormat::table) {
    fmt::print("{}\n", log_line(entry));
  } else {
    fmt::print("{}\n", boost::json::serialize(entry));  // one object a line, also while it goes on
  }
}

Result<http::Query> query_of(const LogOptions& options) {
  http::Query query;
  if (!options.level.empty()) query.emplace_back("level", options.level);
  if (!options.search.empty()) query.emplace_back("search", options.search);
  if (!options.since.empty()) {
    HOWDAH_TRY(const Timestamp since, parse_since(options.since, now()));
    query.emplace_back("since", to_rfc3339(since));
  }
  return query;
}

// Backwards, page by page, until there are enough.
Result<int> show_database_logs(Context& context, const LogOptions& options,
                               const std::string& path) {
  HOWDAH_TRY(const http::Query query, query_of(options));
  boost::json::array entries;  // newest first
  std::string cursor;
  do {
    http::Query page = query;
    const auto left = static_cast<std::size_t>(options.lines) - entries.size();
    page.emplace_back("limit", std::to_string(std::min(left, kPageMax)));
    if (!cursor.empty()) page.emplace_back("cursor", cursor);
    HOWDAH_TRY(const auto answer, context.call(http::Method::get, path, nullptr, page));
    const auto& rows = answer.at("data").as_array();
    for (std::size_t i = rows.size(); i > 0; --i) entries.push_back(rows[i - 1]);
    const auto* meta = answer.as_object().if_contains("meta");
    cursor = meta == nullptr ? "" : std::string(meta->at("next_cursor").as_string());
  } while (!cursor.empty() && entries.size() < static_cast<std::size_t>(options.lines));
  for (std::size_t i = entries.size(); i > 0; --i) {
    print_entry(context, entries[i - 1].as_object());
  }
  if (entries.empty()) context.say("No entries.");
  return 0;
}

Result<http::Request> follow_request(const LogOptions& options, const std::string& path) {
  constexpr std::int64_t kFirstMax = 1'000;
  http::Request request;
  request.path = path + "/events";
  HOWDAH_TRY(request.query, query_of(options));
  request.query.emplace_back("first", std::to_string(std::min(options.lines, kFirstMax)));
  return request;
}

// Until it is interrupted, or the database is deleted.
Result<int> follow_database_logs(Context& context, const LogOptions& options,
                                 const std::string& path) {
  HOWDAH_TRY(http::Request request, follow_request(options, path));
  const auto show = [&](const http::Event& event) {
    if (!event.id.empty()) request.headers.insert_or_assign("Last-Event-ID", event.id);
    const auto data = parse_json(event.data);
    if (event.name == "gap" && data) {
      context.say(fmt::format("... {} bytes were gone before they could be read",
                              data->at("bytes").to_number<std::int64_t>()));
    }
    if (event.name == "log" && data && data->is_object()) print_entry(context, data->get_object());
    std::fflush(stdout);
    return true;
  };
  while (true) {
    asio::io_context io(1);
    HOWDAH_TRY(http::Client client, context.connect(io));
    const auto ended = net::run(io, client.events(request, show, kSilenceMax));
    if (ended) return 0;
    const bool passing = ended.error().code == ErrorCode::unavailable ||
                         ended.error().code == ErrorCode::timeout ||
                         ended.error().code == ErrorCode::io_error;
    // It goes on behind what was shown, once there is something to go on from.
    if (!passing || !request.headers.contains("Last-Event-ID")) {
      return std::unexpected(ended.error());
    }
    std::this_thread::sleep_for(1s);
  }
}

Result<int> show_daemon_logs(Context& context, const LogOptions& options) {
  HOWDAH_CHECK(context.refuse_remote("the daemons' own logs are read"));
  DaemonLogFilter filter;
  if (!options.level.empty()) filter.level = options.level;
  filter.search = options.search;
  if (!options.since.empty()) {
    HOWDAH_TRY(filter.since, parse_since(options.since, now()));
  }
  std::vector<DaemonLog> logs;
  for (const char* daemon : {"howdahd", "howdah-gate", "howdah-node"}) {
    logs.emplace_back(context.layout().log_file(daemon), daemon);
  }
  for (bool first = true;; first = false) {
    // RFC 3339 in UTC sorts as text; equal ones stay in the order of their files.
    std::multimap<std::string, boost::json::object> entries;
    for (DaemonLog& log : logs) {
      HOWDAH_TRY(auto more, log.next(filter));
      for (auto& entry : more) {
        const auto& at = entry.at("at");
        std::string key = at.is_string() ? std::string(at.get_string()) : std::string();
        entries.emplace(std::move(key), std::move(entry));
      }
    }
    const auto lines = static_cast<std::size_t>(options.lines);
    std::size_t skip = first && entries.size() > lines ? entries.size() - lines : 0;
    for (const auto& [at, entry] : entries) {
      if (skip > 0) {
        --skip;
        continue;
      }
      print_entry(context, entry);
    }
    std::fflush(stdout);
    if (!options.follow) {
      if (entries.empty()) {
        context.say("No entries in " + context.layout().log_file("howdahd").parent_path().string());
      }
      return 0;
    }
    std::this_thread::sleep_for(kPoll);
  }
}

Result<int> show_logs(Context& context, const LogOptions& options) {
  if (options.database.empty()) return show_daemon_logs(context, options);
  HOWDAH_TRY(const auto database, context.find_database(options.database));
  const std::string path = "/api/databases/" + std::string(database.at("id").as_string()) + "/logs";
  if (options.follow) return follow_database_logs(context, options, path);
  return show_database_logs(context, options, path);
}

}  // namespace

void add_log_commands(CLI::App& app, Context& context) {
  auto options = std::make_shared<LogOptions>();
  CLI::App* logs =
      app.add_subcommand("logs", "What a database logged; without DB: Howdah's own daemons");
  logs->add_option("DB", options->database, "Name, database name or id");
  logs->add_flag("-f,--follow", options->follow, "Go on as lines come");
  logs->add_option("--since", options->since, "45s, 10m, 2h, 3d ago, or an RFC 3339 time");
  logs->add_option("--level", options->level, "The least severe that is shown")
      ->check(
          CLI::IsMember({"debug", "info", "notice", "log", "warning", "error", "fatal", "panic"}));
  logs->add_option("--search", options->search, "Only with this text, in any case");
  logs->add_option("-n,--lines", options->lines, "At most so many (the newest)")
      ->check(CLI::Range(1, 10'000));
  add_example(*logs, "howdah logs shop -f --level warning");
  add_example(*logs, "howdah logs --since 10m");
  logs->callback([&context, options] {
    context.action = [&context, options] { return show_logs(context, *options); };
  });
}

}  // namespace howdah::cli
