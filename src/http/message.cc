// SPDX-License-Identifier: Apache-2.0
#include "http/message.h"

#include <algorithm>
#include <cctype>

#include "base/json.h"

namespace howdah::http {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// The code a foreign or damaged answer stands for: the first of errors.yaml with that status.
ErrorCode code_of_status(int status) {
  const auto found = std::ranges::find(kErrorInfos, status, &ErrorInfo::http_status);
  return found == kErrorInfos.end() ? ErrorCode::internal : found->code;
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::del:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
  }
  return "";
}

bool LessIgnoringCase::operator()(std::string_view left, std::string_view right) const {
  return std::ranges::lexicographical_compare(left, right, {}, lower, lower);
}

Response json_response(int status, const json::value& body) {
  Response response;
  response.status = status;
  response.headers.emplace("Content-Type", "application/json");
  response.body = json::serialize(body);
  return response;
}

Response problem_response(const Error& error, std::string_view instance,
                          std::string_view request_id) {
  const ErrorInfo& info = info_of(error.code);
  json::array errors;
  for (const FieldError& field : error.fields) {
    errors.push_back({{"pointer", field.pointer}, {"detail", field.detail}});
  }
  json::object body{
      {"type", std::string("/docs#error-").append(info.name)},
      {"title", info.title},
      {"status", info.http_status},
      {"detail", error.message},
      {"instance", instance},
      {"code", info.name},
      {"request_id", request_id},
      {"errors", std::move(errors)},
      {"hint", error.hint.empty() ? json::value(nullptr) : json::value(error.hint)},
      {"success", false},
      {"message", error.message},
  };
  Response response;
  response.status = info.http_status;
  response.headers.emplace("Content-Type", "application/problem+json");
  response.body = json::serialize(body);
  return response;
}

Error error_of_response(const Response& response) {
  Error error;
  error.code = code_of_status(response.status);
  error.message = "the server answered with status " + std::to_string(response.status);
  const auto body = parse_json(response.body);
  if (!body || !body->is_object()) return error;
  const json::object& object = body->get_object();
  const std::string code = text_of(object, "code");
  const auto info = std::ranges::find(kErrorInfos, code, &ErrorInfo::name);
  if (info != kErrorInfos.end()) error.code = info->code;
  if (auto detail = text_of(object, "detail"); !detail.empty()) error.message = std::move(detail);
  error.hint = text_of(object, "hint");
  const json::value* fields = object.if_contains("errors");
  if (fields == nullptr || !fields->is_array()) return error;
  for (const json::value& field : fields->get_array()) {
    if (const json::object* entry = field.if_object()) {
      error.fields.push_back({text_of(*entry, "pointer"), text_of(*entry, "detail")});
    }
  }
  return error;
}

}  // namespace howdah::http
