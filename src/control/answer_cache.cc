// SPDX-License-Identifier: Apache-2.0
#include "control/answer_cache.h"

#include <array>
#include <string_view>

namespace howdah::control {
namespace {

// Headers that change what is answered.
constexpr std::array<std::string_view, 4> kVarying{"If-None-Match", "If-Match", "Prefer", "Range"};
constexpr char kEnd = '\n';  // in no path and no query: control characters are refused

}  // namespace

std::string AnswerCache::key_of(const http::Request& request, const Principal& caller) {
  for (const std::string_view name : kVarying) {
    if (request.headers.find(name) != request.headers.end()) return {};
  }
  std::string key = request.path;
  for (const auto& [name, value] : request.query) {
    (key += kEnd).append(name) += '=';
    key += value;
  }
  (key += kEnd) += static_cast<char>('0' + static_cast<int>(caller.scope));
  key.append(caller.organisation_id.str());
  if (caller.database_id) key.append(caller.database_id->str());
  return key;
}

const http::Response* AnswerCache::find(const std::string& key, Time now) const {
  const auto found = answers_.find(key);
  if (found == answers_.end()) return nullptr;
  const Answer& answer = found->second;
  if (answer.version != version_() || now - answer.made_at > kAgeMax) return nullptr;
  return &answer.response;
}

void AnswerCache::keep(std::string key, std::uint64_t asked_at, const http::Response& response,
                       Time now) {
  if (response.status != 200 || response.stream || asked_at != version_()) return;
  if (answers_.size() >= kAnswersMax || bytes_ > kBytesMax) {
    answers_.clear();
    bytes_ = 0;
  }
  bytes_ += key.size() + response.body.size();  // counted again when replaced: cleared too early
  answers_.insert_or_assign(std::move(key), Answer{response, asked_at, now});
}

}  // namespace howdah::control
