// SPDX-License-Identifier: Apache-2.0
// Made by tools/generate from api/errors.yaml. Do not edit.
#pragma once
#include <array>
#include <string_view>

namespace howdah {

enum class ErrorCode {
  invalid_request,
  unauthorized,
  forbidden,
  not_found,
  method_not_allowed,
  conflict,
  limit_reached,
  database_deleted,
  precondition_failed,
  too_large,
  headers_too_large,
  unprocessable,
  rate_limited,
  internal,
  unsupported,
  unavailable,
  timeout,
  volume_full,
  memory_full,
  no_postgres,
  port_in_use,
  data_folder_unusable,
  already_running,
  config_invalid,
  instance_failed,
  instance_held,
  seal_broken,
  io_error,
  sql_error,
  tls_required,
  authentication_failed,
  protocol_violation,
  too_many_connections,
  database_paused,
  database_unknown,
  cancelled,
  address_not_allowed,
};

// What each code means at the three places where a person meets it.
struct ErrorInfo {
  ErrorCode code;
  std::string_view name;
  int http_status;
  std::string_view sqlstate;
  int exit_code;
  std::string_view title;
};

// clang-format off
inline constexpr std::array<ErrorInfo, 37> kErrorInfos{{
    {ErrorCode::invalid_request, "invalid_request", 400, "22023", 2, "Invalid request"},
    {ErrorCode::unauthorized, "unauthorized", 401, "28000", 5, "Not authenticated"},
    {ErrorCode::forbidden, "forbidden", 403, "42501", 5, "Not allowed"},
    {ErrorCode::not_found, "not_found", 404, "3D000", 3, "Not found"},
    {ErrorCode::method_not_allowed, "method_not_allowed", 405, "0A000", 2, "Method not allowed"},
    {ErrorCode::conflict, "conflict", 409, "55006", 4, "Conflict"},
    {ErrorCode::limit_reached, "limit_reached", 409, "53400", 4, "Limit reached"},
    {ErrorCode::database_deleted, "database_deleted", 410, "3D000", 3, "Database deleted"},
    {ErrorCode::precondition_failed, "precondition_failed", 412, "55000", 4, "Changed meanwhile"},
    {ErrorCode::too_large, "too_large", 413, "54000", 2, "Too large"},
    {ErrorCode::headers_too_large, "headers_too_large", 431, "54000", 2, "Headers too large"},
    {ErrorCode::unprocessable, "unprocessable", 422, "22023", 2, "Cannot be processed"},
    {ErrorCode::rate_limited, "rate_limited", 429, "53300", 75, "Too many requests"},
    {ErrorCode::internal, "internal", 500, "XX000", 1, "Internal error"},
    {ErrorCode::unsupported, "unsupported", 501, "0A000", 7, "Not supported"},
    {ErrorCode::unavailable, "unavailable", 503, "57P03", 69, "Unavailable"},
    {ErrorCode::timeout, "timeout", 504, "57014", 75, "Timed out"},
    {ErrorCode::volume_full, "volume_full", 507, "53100", 75, "Volume full"},
    {ErrorCode::memory_full, "memory_full", 503, "53200", 75, "Not enough memory"},
    {ErrorCode::no_postgres, "no_postgres", 503, "57P03", 78, "No PostgreSQL found"},
    {ErrorCode::port_in_use, "port_in_use", 500, "XX000", 78, "Port in use"},
    {ErrorCode::data_folder_unusable, "data_folder_unusable", 500, "XX000", 78, "Data folder unusable"},
    {ErrorCode::already_running, "already_running", 409, "55006", 4, "Already running"},
    {ErrorCode::config_invalid, "config_invalid", 500, "XX000", 78, "Invalid configuration"},
    {ErrorCode::instance_failed, "instance_failed", 503, "57P03", 1, "Instance failed"},
    {ErrorCode::instance_held, "instance_held", 409, "55006", 4, "Instance in use"},
    {ErrorCode::seal_broken, "seal_broken", 500, "XX000", 1, "Sealed value damaged"},
    {ErrorCode::io_error, "io_error", 500, "58030", 1, "I/O error"},
    {ErrorCode::sql_error, "sql_error", 500, "XX000", 1, "SQL error"},
    {ErrorCode::tls_required, "tls_required", 403, "28000", 5, "TLS required"},
    {ErrorCode::authentication_failed, "authentication_failed", 401, "28P01", 5, "Password authentication failed"},
    {ErrorCode::protocol_violation, "protocol_violation", 400, "08P01", 1, "Protocol violation"},
    {ErrorCode::too_many_connections, "too_many_connections", 429, "53300", 75, "Too many connections"},
    {ErrorCode::database_paused, "database_paused", 409, "57P03", 4, "Database paused"},
    {ErrorCode::database_unknown, "database_unknown", 404, "3D000", 3, "Unknown database"},
    {ErrorCode::cancelled, "cancelled", 409, "57014", 130, "Cancelled"},
    {ErrorCode::address_not_allowed, "address_not_allowed", 403, "28000", 5, "Address not allowed"},
}};
// clang-format on

constexpr const ErrorInfo& info_of(ErrorCode code) {
  return kErrorInfos[static_cast<std::size_t>(code)];
}

}  // namespace howdah
