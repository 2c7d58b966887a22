// SPDX-License-Identifier: Apache-2.0
// A JsonReader that also knows the field kinds of the node API. Private to messages.cc.
#pragma once
#include <array>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/json.h"
#include "nodeapi/messages.h"

namespace howdah::nodeapi::detail {

inline constexpr std::size_t kTextMax = 64 * 1024;
inline constexpr std::size_t kListMax = 100'000;
inline constexpr std::array<std::pair<InstanceState, std::string_view>, 5> kStates{{
    {InstanceState::stopped, "stopped"},
    {InstanceState::starting, "starting"},
    {InstanceState::running, "running"},
    {InstanceState::stopping, "stopping"},
    {InstanceState::failed, "failed"},
}};

class Reader : public JsonReader {
 public:
  explicit Reader(const json::value& value) : JsonReader(value), value_(value) {}

  // For answers: fields this version does not know are no fault.
  void ignore_unknown() {
    const json::object* object = value_.if_object();
    if (object == nullptr) return;
    for (const auto& field : *object) optional_value(field.key());
  }

  bool has(std::string_view name) {
    if (optional_value(name) != nullptr) return true;
    reject(name, "is required");
    return false;
  }
  std::int64_t integer(std::string_view name, std::int64_t min, std::int64_t max) {
    return has(name) ? optional_integer(name, min, max).value_or(min) : min;
  }
  std::string text(std::string_view name) { return required_string(name, 0, kTextMax); }

  // An unsigned 64-bit number travels as decimal text: many JSON readers keep only 53 bits.
  std::uint64_t big_integer(std::string_view name) {
    const std::string digits = required_string(name, 1, 20);
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (!digits.empty() && (error != std::errc() || end != digits.data() + digits.size())) {
      reject(name, "must be a whole number below 2^64, written as text");
    }
    return number;
  }

  Timestamp time(std::string_view name) {
    const std::string written = required_string(name, 1, 40);
    const auto time = parse_rfc3339(written);
    if (!time && !written.empty()) reject(name, "must be an RFC 3339 time in UTC");
    return time.value_or(Timestamp{});
  }

  InstanceState state(std::string_view name) {
    const std::string written = required_string(name, 1, 40);
    for (const auto& [state, known] : kStates) {
      if (written == known) return state;
    }
    if (!written.empty()) reject(name, "is not a state of an instance");
    return InstanceState::stopped;
  }

  InstanceId instance_id(std::string_view name) {
    std::string written = required_string(name, 1, 40);
    if (!written.empty() && !is_instance_id(written)) reject(name, "is not an instance id");
    return InstanceId(std::move(written));
  }

  std::string holder(std::string_view name) {
    std::string written = required_string(name, 1, 80);
    if (!written.empty() && !is_holder(written)) reject(name, "may hold [a-z0-9:._-] only");
    return written;
  }

  std::vector<std::string> texts(std::string_view name, std::size_t count_max) {
    return has(name) ? optional_strings(name, count_max).value_or(std::vector<std::string>())
                     : std::vector<std::string>();
  }

  std::vector<InstanceId> instance_ids(std::string_view name, std::size_t count_max) {
    std::vector<InstanceId> ids;
    for (std::string& id : texts(name, count_max)) {
      if (!is_instance_id(id)) reject(name, "holds something that is no instance id");
      ids.emplace_back(std::move(id));
    }
    return ids;
  }

  std::optional<ServerSettings> server_settings(std::string_view name) {
    constexpr std::size_t kCountMax = 100;
    constexpr std::size_t kSizeMax = 200;
    const json::value* value = optional_value(name);
    if (value == nullptr) return std::nullopt;
    const json::object* object = value->if_object();
    ServerSettings settings;
    for (std::size_t i = 0; object != nullptr && i < object->size(); ++i) {
      const auto& field = object->begin()[i];
      if (!field.value().is_string() || field.value().get_string().size() > kSizeMax) break;
      settings.emplace(field.key(), field.value().get_string());
    }
    if (object == nullptr || object->size() > kCountMax || settings.size() != object->size()) {
      reject(name, "must be an object of at most 100 texts");
      return std::nullopt;
    }
    return settings;
  }

  template <typename T>
  std::vector<T> list(std::string_view name, Result<T> (*read)(const json::value&)) {
    std::vector<T> items;
    if (!has(name)) return items;
    const json::array* array = optional_value(name)->if_array();
    if (array == nullptr || array->size() > kListMax) {
      reject(name, "must be a list of at most 100000 objects");
      return items;
    }
    for (const json::value& value : *array) {
      auto item = read(value);
      if (!item) {
        reject(name, "has an entry that is wrong: " + item.error().message);
        return items;
      }
      items.push_back(*std::move(item));
    }
    return items;
  }

 private:
  const json::value& value_;
};

}  // namespace howdah::nodeapi::detail
