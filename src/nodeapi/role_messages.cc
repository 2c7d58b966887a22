// SPDX-License-Identifier: Apache-2.0
// The messages about the roles inside an instance.
#include <utility>

#include "nodeapi/detail/reader.h"
#include "nodeapi/messages.h"

namespace howdah::nodeapi {
namespace {

using detail::Reader;

constexpr std::size_t kNameMax = 63;
constexpr std::size_t kVerifierMax = 512;

json::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? json::value(to_rfc3339(*time)) : json::value(nullptr);
}

std::optional<Timestamp> read_time(Reader& in, std::string_view name) {
  const auto text = in.optional_string(name, 1, 40);
  const auto time = text ? parse_rfc3339(*text) : std::nullopt;
  if (text && !time) in.reject(name, "must be an RFC 3339 time in UTC");
  return time;
}

Result<RoleState> role_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  RoleState role;
  role.name = in.required_string("name", 1, kNameMax);
  role.verifier = in.required_string("verifier", 0, kVerifierMax);
  role.problem = in.required_string("problem", 0, 40);
  role.can_login = in.optional_bool("can_login").value_or(true);
  role.valid_until = read_time(in, "valid_until");
  role.changed_at = read_time(in, "changed_at");
  HOWDAH_CHECK(in.finish());
  return role;
}

Result<RolePassword> password_from_json(const json::value& value) {
  Reader in(value);
  RolePassword password;
  password.name = in.required_string("name", 1, kNameMax);
  password.verifier = in.required_string("verifier", 1, kVerifierMax);
  HOWDAH_CHECK(in.finish());
  return password;
}

}  // namespace

json::value roles_to_json(const std::vector<RoleState>& roles) {
  json::array array;
  for (const RoleState& role : roles) {
    array.push_back({{"name", role.name},
                     {"verifier", role.verifier},
                     {"problem", role.problem},
                     {"can_login", role.can_login},
                     {"valid_until", time_or_null(role.valid_until)},
                     {"changed_at", time_or_null(role.changed_at)}});
  }
  return {{"roles", std::move(array)}};
}

json::value role_passwords_to_json(const std::vector<RolePassword>& passwords) {
  json::array array;
  for (const RolePassword& password : passwords) {
    array.push_back({{"name", password.name}, {"verifier", password.verifier}});
  }
  return {{"roles", std::move(array)}};
}

Result<std::vector<RoleState>> roles_from_json(const json::value& value) {
  Reader in(value);
  in.ignore_unknown();
  auto roles = in.list<RoleState>("roles", role_from_json);
  HOWDAH_CHECK(in.finish());
  return roles;
}

Result<std::vector<RolePassword>> role_passwords_from_json(const json::value& value) {
  Reader in(value);
  auto passwords = in.list<RolePassword>("roles", password_from_json);
  if (passwords.size() > kRolesMax) in.reject("roles", "has too many entries");
  HOWDAH_CHECK(in.finish());
  return passwords;
}

}  // namespace howdah::nodeapi
