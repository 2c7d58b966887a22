// SPDX-License-Identifier: Apache-2.0
// The texts of an exported data directory (export.h).
#include <fmt/format.h>

#include "instance/place.h"
#include "model/names.h"
#include "node/export.h"

namespace howdah::node {
namespace {

std::string quote(std::string_view value) {
  std::string quoted = "'";
  for (const char byte : value) {
    if (byte == '\'' || byte == '\\') quoted += byte;
    quoted += byte;
  }
  return quoted + "'";
}

}  // namespace

std::string plain_postgresql_conf(const Manifest& manifest) {
  std::string text = fmt::format(
      "# PostgreSQL {}, exported from Howdah, which is not needed to run it.\n"
      "listen_addresses = 'localhost'\n"
      "port = 5432\n"
      "unix_socket_directories = '/tmp'\n"
      "max_connections = 100\n"
      "shared_buffers = '128MB'\n"
      "password_encryption = 'scram-sha-256'\n"
      "wal_level = 'replica'\n"
      "timezone = 'UTC'\n"
      "log_timezone = 'UTC'\n",
      manifest.pg_major);
  if (!manifest.settings.empty()) text += "\n# As its owner had set them.\n";
  for (const auto& [name, value] : manifest.settings) {
    text += fmt::format("{} = {}\n", name, quote(value));
  }
  return text;
}

std::string plain_hba_conf() {
  return fmt::format(
      "# TYPE  DATABASE  USER  ADDRESS  METHOD\n"
      "local  all  {}  peer map=owner\n"
      "local  all  all  scram-sha-256\n"
      "host  all  all  127.0.0.1/32  scram-sha-256\n"
      "host  all  all  ::1/128  scram-sha-256\n",
      instance::kAdminRole);
}

std::string plain_ident_conf(const std::string& owner_name) {
  return fmt::format("# MAP  OS-USER  ROLE\nowner  \"{}\"  {}\n", owner_name, instance::kAdminRole);
}

std::string plain_readme(const Manifest& manifest, const os::Path& directory,
                         const os::Path& bin_directory) {
  const std::string database = tenant_database(manifest.slug);
  return fmt::format(
      "A data directory of PostgreSQL {0}, exported from Howdah. It needs no Howdah.\n\n"
      "start:    {1}/pg_ctl -D {2} -l {2}/server.log start\n"
      "connect:  psql -h /tmp -U {3} {4}      (superuser, as the owner of this folder)\n"
      "          psql -h /tmp -U {5} {4}      (the database's owner, with its password)\n"
      "stop:     {1}/pg_ctl -D {2} stop\n\n"
      "Another port: add -o '-p 5433' to start and -p 5433 to psql.\n"
      "Extensions beyond Howdah's list: first, in each database that is to have them,\n"
      "          ALTER EVENT TRIGGER howdah_guard_extensions DISABLE\n",
      manifest.pg_major, bin_directory.string(), directory.string(), instance::kAdminRole, database,
      owner_role(manifest.slug));
}

}  // namespace howdah::node
