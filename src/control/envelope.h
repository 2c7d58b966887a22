// SPDX-License-Identifier: Apache-2.0
// How the API's answers and lists look (api/openapi.yaml), and reading what requests ask.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "http/message.h"

namespace howdah::control {

// {"success":true,"message"?,"data","count"?,"meta"?,"operations"?}: empty parts are left out.
struct Envelope {
  json::value data;
  std::string message = {};
  std::optional<std::size_t> count = {};
  json::object meta = {};
  json::array operations = {};
};
http::Response success(int status, Envelope envelope);
// 202 with Location: /api/operations/{id}.
http::Response accepted(const std::string& operation_id, Envelope envelope);

// The JSON body; an empty one reads as {}. Errors: invalid_request.
Result<json::value> read_body(const http::Request& request);

// Reads query parameters; finish() reports every wrong or unknown one.
class QueryReader {
 public:
  explicit QueryReader(const http::Query& query);
  std::optional<std::string> text(std::string_view name, std::size_t size_max = 200);
  std::optional<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max);
  bool flag(std::string_view name);  // "true" or "false"; missing: false
  void reject(std::string_view name, std::string detail);
  Result<void> finish();

 private:
  const std::string* find(std::string_view name);

  const http::Query& query_;
  std::vector<std::string> known_;
  std::vector<FieldError> faults_;
};

// Where a list goes on: behind this row, in the order of (at, id).
struct Cursor {
  Timestamp at;
  std::string id;  // a UUID, or a number
};

// One page of a list. Stores fetch fetch_count() rows, so list_response() can tell if more follow.
struct Page {
  static constexpr std::size_t kLimitMax = 200;
  static constexpr std::size_t kUnlimitedMax = 1'000;
  std::size_t limit = kUnlimitedMax;
  std::optional<Cursor> after;
  std::int64_t fetch_count() const { return static_cast<std::int64_t>(limit) + 1; }
};
// Takes `limit` and `cursor` from the query; wrong ones are reported by query.finish().
Page read_page(QueryReader& query);

// rows: as fetched, each with where the list goes on behind it.
struct ListRow {
  json::value data;
  Cursor cursor;
};
// 200 with count, and meta.next_cursor and a Link header where more rows follow.
http::Response list_response(const http::Request& request, const Page& page,
                             std::vector<ListRow> rows);
// The same for rows that are in their order already; next: where the list goes on.
http::Response list_response(const http::Request& request, json::array rows,
                             const std::optional<Cursor>& next);

// 8-4-4-4-12 lower- or upper-case hex digits. Ids from outside are tested before they reach SQL.
bool is_uuid(std::string_view text);

}  // namespace howdah::control
