// SPDX-License-Identifier: Apache-2.0
// Strict reading of JSON objects: every wrong or unknown field is collected and reported at once.
#pragma once
#include <boost/json.hpp>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace howdah {

namespace json = boost::json;

// Limits: nesting 32. Errors: invalid_request with the place of the fault.
Result<json::value> parse_json(std::string_view text);

// Reads fields of one object; finish() reports everything that was wrong, unknown fields included.
// A name is given in camelCase; snake_case is accepted too.
//   JsonReader in(object);
//   auto name = in.required_string("friendlyName", 1, 200);
//   HOWDAH_CHECK(in.finish());
class JsonReader {
 public:
  explicit JsonReader(const json::value& value);

  // Sizes are characters (UTF-8 code points), inclusive. On a fault: an empty string, reported by
  // finish().
  std::string required_string(std::string_view name, std::size_t size_min, std::size_t size_max);
  std::optional<std::string> optional_string(std::string_view name, std::size_t size_min,
                                             std::size_t size_max);
  std::optional<std::int64_t> optional_integer(std::string_view name, std::int64_t min,
                                               std::int64_t max);
  std::optional<bool> optional_bool(std::string_view name);
  std::optional<std::vector<std::string>> optional_strings(std::string_view name,
                                                           std::size_t count_max);
  // The field as it is, or null. The caller checks it and reports with reject().
  const json::value* optional_value(std::string_view name);

  void reject(std::string_view name, std::string detail);
  Result<void> finish();

 private:
  const json::value* find(std::string_view name);

  const json::object* object_ = nullptr;
  std::set<std::string, std::less<>> known_;
  std::vector<FieldError> faults_;
};

std::string to_snake_case(std::string_view camel);

}  // namespace howdah
