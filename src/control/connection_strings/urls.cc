// SPDX-License-Identifier: Apache-2.0
#include "control/connection_strings/urls.h"

#include <fmt/format.h>

#include "model/names.h"

namespace howdah::control {

std::string url_host(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

std::string base_url(const Login& login, std::uint16_t port, const std::string& database) {
  // User, password and database have no character that a URL would escape.
  return fmt::format("postgresql://{}:{}@{}:{}/{}", login.user, login.password,
                     url_host(login.host), port, database);
}

ConnectionUrls make_urls(const Login& login) {
  const std::string database = tenant_database(login.slug), shadow = shadow_database(login.slug);
  const std::string direct = base_url(login, login.direct_port, database) + "?sslmode=require";
  const std::string pooled = base_url(login, login.pooled_port, database) + "?sslmode=require";
  ConnectionUrls urls;
  urls.direct = direct;
  urls.pooled = pooled + "&pgbouncer=true";
  urls.shadow = base_url(login, login.direct_port, shadow) + "?sslmode=require&schema=public";
  urls.shadow_pooled =
      base_url(login, login.pooled_port, shadow) + "?sslmode=require&schema=public&pgbouncer=true";
  urls.libpq_direct = direct;
  urls.libpq_pooled = pooled;
  urls.psql_command = "psql \"" + direct + "\"";
  return urls;
}

}  // namespace howdah::control
