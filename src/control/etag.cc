// SPDX-License-Identifier: Apache-2.0
#include "control/etag.h"

#include <algorithm>
#include <utility>

#include "crypto/encode.h"
#include "crypto/hash.h"

namespace howdah::control {
namespace {

constexpr std::size_t kTagsMax = 20;

std::string digest(const boost::json::value& shown, std::size_t size) {
  return crypto::to_hex(crypto::sha256(boost::json::serialize(shown))).substr(0, size);
}

// "7-3fa4c81b" (with the quotes) -> 7
std::string_view revision_in(std::string_view tag) {
  const std::string_view inner = tag.substr(1, tag.size() - 2);
  return inner.substr(0, inner.find('-'));
}

void skip_spaces(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
}

// The next ETag of a list, with its quotes, weak or not; empty: that is none.
std::string take_tag(std::string_view& text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.empty() || text.front() != '"') return {};
  const std::size_t end = text.find('"', 1);
  if (end == std::string_view::npos) return {};
  std::string tag(text.substr(0, end + 1));
  text.remove_prefix(end + 1);
  skip_spaces(text);
  if (text.starts_with(',')) {
    text.remove_prefix(1);
    skip_spaces(text);
    if (text.empty()) return {};
  } else if (!text.empty()) {
    return {};
  }
  return tag;
}

}  // namespace

std::string etag_of(std::string_view revision, const boost::json::value& shown) {
  return "\"" + std::string(revision) + "-" + digest(shown, 8) + "\"";
}

std::string content_revision(const boost::json::value& shown) {
  return digest(shown, 16);
}

Result<std::optional<Preconditions::Condition>> Preconditions::read(const http::Request& request,
                                                                    const std::string& header) {
  const auto found = request.headers.find(header);
  if (found == request.headers.end()) return std::nullopt;
  std::string_view text = found->second;
  skip_spaces(text);
  Condition condition;
  if (text == "*") {
    condition.any = true;
    return condition;
  }
  do {
    condition.tags.push_back(take_tag(text));
    if (condition.tags.back().empty() || condition.tags.size() > kTagsMax) {
      return fail(ErrorCode::invalid_request, "the header " + header + " holds no ETag",
                  "send the ETag header of an earlier answer as it is, with its quotes, or *");
    }
  } while (!text.empty());
  return condition;
}

Result<Preconditions> Preconditions::of(const http::Request& request) {
  Preconditions preconditions;
  HOWDAH_TRY(preconditions.if_match_, read(request, "If-Match"));
  HOWDAH_TRY(preconditions.if_none_match_, read(request, "If-None-Match"));
  return preconditions;
}

Result<void> Preconditions::check(std::string_view revision) const {
  if (!if_match_ || if_match_->any) return {};
  const bool matches = std::ranges::any_of(
      if_match_->tags, [&](const std::string& tag) { return revision_in(tag) == revision; });
  if (matches) return {};
  return fail(ErrorCode::precondition_failed,
              "it was changed since the answer whose ETag If-Match names; nothing was done",
              "GET it again, look at what is different, and repeat the call with the new ETag");
}

bool Preconditions::is_known(std::string_view etag) const {
  if (!if_none_match_) return false;
  return if_none_match_->any ||
         std::ranges::find(if_none_match_->tags, etag) != if_none_match_->tags.end();
}

http::Response tagged(const http::Request& request, const Preconditions& preconditions,
                      std::string etag, http::Response response) {
  const bool reads = request.method == http::Method::get || request.method == http::Method::head;
  if (reads && preconditions.is_known(etag)) {
    response = http::Response{};
    response.status = 304;
  }
  response.headers["ETag"] = std::move(etag);
  return response;
}

}  // namespace howdah::control
