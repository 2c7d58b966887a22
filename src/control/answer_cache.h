// SPDX-License-Identifier: Apache-2.0
// Answers to GET that are given again while nothing has changed that they may depend on. howdahd is
// alone on its catalog, so one counter of all its writes and of what node and gates tell makes this
// exact: whoever has seen the answer to a change never sees an older state. Only what depends on
// the clock alone (a validity that ends, the age of a sample) is late, by kAgeMax at most. Owner:
// Service; on the loop's thread.
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>

#include "control/principal.h"
#include "http/message.h"

namespace howdah::control {

class AnswerCache {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr milliseconds kAgeMax{1'000};
  static constexpr std::size_t kAnswersMax = 1'000;
  static constexpr std::size_t kBytesMax = 16U << 20;

  // version: grows with every change, also with one that has only begun.
  explicit AnswerCache(std::function<std::uint64_t()> version) : version_(std::move(version)) {}

  // What was asked, and by whom as far as answers differ. Empty: must not be answered from here.
  static std::string key_of(const http::Request& request, const Principal& caller);

  std::uint64_t version() const { return version_(); }
  // nullptr: none that holds. Valid until the next keep().
  const http::Response* find(const std::string& key, Time now) const;
  // asked_at: version() before the answer was made; one that was overtaken is not kept.
  void keep(std::string key, std::uint64_t asked_at, const http::Response& response, Time now);

 private:
  struct Answer {
    http::Response response;
    std::uint64_t version;
    Time made_at;
  };
  std::function<std::uint64_t()> version_;
  std::unordered_map<std::string, Answer> answers_;
  std::size_t bytes_ = 0;
};

}  // namespace howdah::control
