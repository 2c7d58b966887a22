// SPDX-License-Identifier: Apache-2.0
#include "control/envelope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "crypto/encode.h"

namespace howdah::control {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && text.size() <= 18 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string encode_cursor(const Cursor& cursor) {
  return crypto::to_base64url(to_rfc3339(cursor.at) + ' ' + cursor.id);
}

// Cursors come back from clients, so both parts are tested before they reach a statement.
std::optional<Cursor> decode_cursor(std::string_view text) {
  const auto plain = crypto::from_base64url(text);
  if (!plain) return std::nullopt;
  const std::size_t space = plain->find(' ');
  if (space == std::string::npos) return std::nullopt;
  const auto at = parse_rfc3339(std::string_view(*plain).substr(0, space));
  const std::string id = plain->substr(space + 1);
  if (!at || !(is_uuid(id) || is_number(id))) return std::nullopt;
  return Cursor{*at, id};
}

std::string url_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

// The same request, going on behind the cursor.
std::string next_link(const http::Request& request, const std::string& cursor) {
  std::string link = "<" + request.path + "?";
  for (const auto& [name, value] : request.query) {
    if (name != "cursor") link += url_encode(name) + "=" + url_encode(value) + "&";
  }
  return link + "cursor=" + cursor + ">; rel=\"next\"";
}

}  // namespace

http::Response success(int status, Envelope envelope) {
  json::object body{{"success", true}};
  if (!envelope.message.empty()) body["message"] = std::move(envelope.message);
  body["data"] = std::move(envelope.data);
  if (envelope.count) body["count"] = *envelope.count;
  if (!envelope.meta.empty()) body["meta"] = std::move(envelope.meta);
  if (!envelope.operations.empty()) body["operations"] = std::move(envelope.operations);
  return http::json_response(status, body);
}

http::Response accepted(const std::string& operation_id, Envelope envelope) {
  http::Response response = success(202, std::move(envelope));
  response.headers["Location"] = "/api/operations/" + operation_id;
  return response;
}

Result<json::value> read_body(const http::Request& request) {
  if (request.body.empty()) return json::object{};
  return parse_json(request.body);
}

QueryReader::QueryReader(const http::Query& query) : query_(query) {}

const std::string* QueryReader::find(std::string_view name) {
  const std::string snake = to_snake_case(name);
  known_.emplace_back(name);
  known_.push_back(snake);
  const std::string* found = nullptr;
  for (const auto& [given, value] : query_) {
    if (given != name && given != snake) continue;
    if (found != nullptr) reject(name, "is given twice");
    found = &value;
  }
  return found;
}

std::optional<std::string> QueryReader::text(std::string_view name, std::size_t size_max) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->empty() || value->size() > size_max) {
    reject(name, fmt::format("must have 1 to {} characters", size_max));
    return std::nullopt;
  }
  return *value;
}

std::optional<std::int64_t> QueryReader::integer(std::string_view name, std::int64_t min,
                                                 std::int64_t max) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  std::int64_t number = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, number);
  if (error != std::errc{} || stop != end || number < min || number > max) {
    reject(name, fmt::format("must be a whole number from {} to {}", min, max));
    return std::nullopt;
  }
  return number;
}

bool QueryReader::flag(std::string_view name) {
  const std::string* value = find(name);
  if (value == nullptr || *value == "false") return false;
  if (*value != "true") reject(name, "must be true or false");
  return *value == "true";
}

void QueryReader::reject(std::string_view name, std::string detail) {
  faults_.push_back({std::string(name), std::move(detail)});
}

Result<void> QueryReader::finish() {
  for (const auto& [name, value] : query_) {
    if (std::ranges::find(known_, name) == known_.end()) {
      faults_.push_back({name, "is not a parameter of this call"});
    }
  }
  if (faults_.empty()) return {};
  Error error{ErrorCode::invalid_request, "a query parameter is wrong", {}, {}, {}, {}};
  error.fields = std::move(faults_);
  return std::unexpected(std::move(error));
}

Page read_page(QueryReader& query) {
  Page page;
  if (const auto limit = query.integer("limit", 1, Page::kLimitMax)) {
    page.limit = static_cast<std::size_t>(*limit);
  }
  if (const auto text = query.text("cursor")) {
    page.after = decode_cursor(*text);
    if (!page.after) query.reject("cursor", "is not a cursor that this list gave");
  }
  return page;
}

http::Response list_response(const http::Request& request, const Page& page,
                             std::vector<ListRow> rows) {
  const bool more = rows.size() > page.limit;
  if (more) rows.resize(page.limit);
  json::array data;
  data.reserve(rows.size());
  for (ListRow& row : rows) data.push_back(std::move(row.data));
  return list_response(request, std::move(data),
                       more ? std::optional(rows.back().cursor) : std::nullopt);
}

http::Response list_response(const http::Request& request, json::array rows,
                             const std::optional<Cursor>& next) {
  const std::string cursor = next ? encode_cursor(*next) : std::string();
  Envelope envelope;
  if (next) envelope.meta["next_cursor"] = cursor;
  envelope.count = rows.size();
  envelope.data = std::move(rows);
  http::Response response = success(200, std::move(envelope));
  if (next) response.headers["Link"] = next_link(request, cursor);
  return response;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const bool dash = index == 8 || index == 13 || index == 18 || index == 23;
    const auto c = static_cast<unsigned char>(text[index]);
    if (dash ? c != '-' : std::isxdigit(c) == 0) return false;
  }
  return true;
}

}  // namespace howdah::control
