// SPDX-License-Identifier: Apache-2.0
#include "control/logs/log_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace howdah::control {
namespace {

// Processes write in their own time, so neighbours may be out of order by a little.
constexpr std::chrono::seconds kDisorder{10};
// A position that no log reaches: the piece that begins there is empty and tells where the end is.
constexpr std::uint64_t kBeyond = std::numeric_limits<std::int64_t>::max();

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool contains(std::string_view text, std::string_view wanted) {
  const auto found = std::search(text.begin(), text.end(), wanted.begin(), wanted.end(),
                                 [](char left, char right) { return lower(left) == lower(right); });
  return found != text.end();
}

// The entries of a piece, oldest first. What stands before the first one is one without a head.
std::vector<LogEntry> entries_of(std::string_view text, std::uint64_t begin,
                                 const std::vector<std::size_t>& starts) {
  std::vector<LogEntry> entries;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : text.size();
    entries.push_back(read_log_entry(text.substr(starts[i], end - starts[i]), begin + starts[i]));
  }
  return entries;
}

}  // namespace

bool LogFilter::admits(const LogEntry& entry) const {
  if (entry.level < level) return false;
  if (since && entry.at && *entry.at < *since) return false;
  if (until && entry.at && *entry.at > *until) return false;
  if (search.empty()) return true;
  return std::ranges::any_of(
      std::initializer_list<const std::string*>{&entry.message, &entry.detail, &entry.hint,
                                                &entry.context, &entry.statement, &entry.user,
                                                &entry.database, &entry.application_name},
      [&](const std::string* text) { return contains(*text, search); });
}

Task<LogPage> read_log_page(nodeapi::Client& node, LogQuery query) {
  LogPage page;
  ByteCount read = 0;
  std::optional<std::uint64_t> before = query.before;
  bool headless_end = false;  // the next entry's end is left out: it has no head within a piece
  while (true) {
    HOWDAH_CO_TRY(const nodeapi::LogPiece piece, co_await node.log(query.instance, {}, before));
    read += piece.text.size();
    std::vector<std::size_t> starts = log_entry_starts(piece.text);
    const bool at_first = piece.begin == piece.first;
    // The oldest bytes may be the rest of an entry whose head is not kept; in a log that was never
    // shortened they are what something else than PostgreSQL wrote.
    if (at_first && piece.first == 0 && !piece.text.empty() &&
        (starts.empty() || starts.front() > 0)) {
      starts.insert(starts.begin(), 0);
    }
    auto entries = entries_of(piece.text, piece.begin, starts);
    if (!entries.empty() && std::exchange(headless_end, false)) entries.back().truncated = true;
    if (entries.empty()) headless_end = true;
    bool too_old = false;
    for (; !entries.empty() && page.entries.size() < query.limit && !too_old; entries.pop_back()) {
      LogEntry& entry = entries.back();
      too_old = query.filter.since && entry.at && *entry.at + kDisorder < *query.filter.since;
      before = entry.begin;
      if (query.filter.admits(entry)) page.entries.push_back(std::move(entry));
    }
    const bool full = page.entries.size() == query.limit;
    if (headless_end) before = piece.begin;
    const bool end_of_log = at_first && entries.empty();
    if (too_old || end_of_log || piece.text.empty()) break;
    if (full || read >= kLogBytesPerCall) {
      page.older = before;
      break;
    }
  }
  std::ranges::reverse(page.entries);
  co_return page;
}

Task<LogFollower::News> LogFollower::next() {
  News news;
  if (!position_) {
    HOWDAH_CO_TRY(const auto end, co_await node_.log(instance_, kBeyond));
    position_ = end.last;
    co_return news;
  }
  HOWDAH_CO_TRY(const nodeapi::LogPiece piece, co_await node_.log(instance_, *position_));
  if (piece.begin > *position_) news.lost = piece.begin - *position_;
  const std::uint64_t end = piece.begin + piece.text.size();
  std::string_view text = piece.text;
  // A line is shown once it is whole, unless it fills a piece.
  const std::size_t whole = text.rfind('\n');
  if (whole != text.npos) {
    text = text.substr(0, whole + 1);
  } else if (end == piece.last) {
    text = {};
  }
  std::vector<std::size_t> starts = log_entry_starts(text);
  const bool headless = !text.empty() && (starts.empty() || starts.front() > 0);
  if (headless && !within_entry_) starts.insert(starts.begin(), 0);
  news.entries = entries_of(text, piece.begin, starts);
  const bool ends_here = end == piece.last;
  if (!news.entries.empty()) within_entry_ = false;
  if (!ends_here && news.entries.size() > 1) {
    news.entries.pop_back();  // it may go on in the next piece
  } else if (!ends_here && news.entries.size() == 1) {
    news.entries.back().truncated = within_entry_ = true;
  }
  position_ = news.entries.empty() ? piece.begin + text.size() : news.entries.back().end;
  news.more = end < piece.last;
  co_return news;
}

}  // namespace howdah::control
