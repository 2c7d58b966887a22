// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include <fmt/format.h>

#include <cctype>

namespace howdah {
namespace {

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::error_code error;
  json::stream_parser parser;
  std::size_t used = parser.write_some(text.data(), text.size(), error);
  if (!error && used == text.size()) parser.finish(error);
  if (error || used != text.size()) {
    return fail(ErrorCode::invalid_request,
                fmt::format("the body is not valid JSON at byte {}{}", used,
                            error ? ": " + error.message() : std::string()));
  }
  return parser.release();
}

std::string to_snake_case(std::string_view camel) {
  std::string snake;
  for (const char c : camel) {
    if (std::isupper(static_cast<unsigned char>(c))) {
      snake += '_';
      snake += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      snake += c;
    }
  }
  return snake;
}

JsonReader::JsonReader(const json::value& value) : object_(value.if_object()) {
  if (object_ == nullptr) faults_.push_back({"", "must be a JSON object"});
}

const json::value* JsonReader::find(std::string_view name) {
  const std::string snake = to_snake_case(name);
  known_.emplace(name);
  known_.insert(snake);
  if (object_ == nullptr) return nullptr;
  const json::value* camel_value = object_->if_contains(name);
  const json::value* snake_value = snake == name ? nullptr : object_->if_contains(snake);
  if (camel_value != nullptr && snake_value != nullptr) {
    reject(name, fmt::format("is given twice, also as {}", snake));
  }
  const json::value* found = camel_value != nullptr ? camel_value : snake_value;
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string JsonReader::required_string(std::string_view name, std::size_t size_min,
                                        std::size_t size_max) {
  const std::size_t faults_before = faults_.size();
  auto value = optional_string(name, size_min, size_max);
  if (!value && faults_.size() == faults_before) reject(name, "is required");
  return value.value_or("");
}

std::optional<std::string> JsonReader::optional_string(std::string_view name, std::size_t size_min,
                                                       std::size_t size_max) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    reject(name, "must be a string");
    return std::nullopt;
  }
  std::string text(value->get_string());
  const std::size_t size = code_points(text);
  if (size < size_min || size > size_max) {
    reject(name,
           size_min == size_max
               ? fmt::format("must have {} characters, not {}", size_min, size)
               : fmt::format("must have {} to {} characters, not {}", size_min, size_max, size));
    return std::nullopt;
  }
  if (text.find('\0') != std::string::npos) {
    reject(name, "must not contain a zero byte");
    return std::nullopt;
  }
  return text;
}

std::optional<std::int64_t> JsonReader::optional_integer(std::string_view name, std::int64_t min,
                                                         std::int64_t max) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  json::error_code error;
  const auto number = value->is_double() ? 0 : value->to_number<std::int64_t>(error);
  if (error || !value->is_number() || value->is_double()) {
    reject(name, "must be a whole number");
    return std::nullopt;
  }
  if (number < min || number > max) {
    reject(name, fmt::format("must be from {} to {}, not {}", min, max, number));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> JsonReader::optional_bool(std::string_view name) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) {
    reject(name, "must be true or false");
    return std::nullopt;
  }
  return value->get_bool();
}

std::optional<std::vector<std::string>> JsonReader::optional_strings(std::string_view name,
                                                                     std::size_t count_max) {
  const json::value* value = find(name);
  if (value == nullptr) return std::nullopt;
  const json::array* array = value->if_array();
  if (array == nullptr || array->size() > count_max) {
    reject(name, fmt::format("must be a list of at most {} strings", count_max));
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const json::value& item : *array) {
    if (!item.is_string()) {
      reject(name, "must hold strings only");
      return std::nullopt;
    }
    texts.emplace_back(item.get_string());
  }
  return texts;
}

const json::value* JsonReader::optional_value(std::string_view name) {
  return find(name);
}

void JsonReader::reject(std::string_view name, std::string detail) {
  faults_.push_back({"/" + std::string(name), std::move(detail)});
}

Result<void> JsonReader::finish() {
  if (object_ != nullptr) {
    for (const auto& field : *object_) {
      if (!known_.contains(std::string_view(field.key()))) {
        reject(std::string_view(field.key()), "is not a known field");
      }
    }
  }
  if (faults_.empty()) return {};
  std::string message;
  for (const FieldError& fault : faults_) {
    const std::string name = fault.pointer.empty() ? "the body" : fault.pointer.substr(1);
    message += (message.empty() ? "" : "; ") + name + " " + fault.detail;
  }
  Error error{ErrorCode::invalid_request, std::move(message), {}, {}, {}, {}};
  error.fields = faults_;
  return std::unexpected(std::move(error));
}

}  // namespace howdah
