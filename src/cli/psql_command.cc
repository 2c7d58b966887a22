// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "cli/context.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::cli {
namespace {

struct PsqlOptions {
  std::string target;  // DB[.BRANCH]
  std::vector<std::string> arguments;
};

Result<std::string> find_psql() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const os::Path candidate = os::Path(folder) / "psql";
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return fail(ErrorCode::unsupported, "psql is not installed",
              "install it: apt-get install postgresql-client");
}

// The password goes to psql through a file that exists only in memory: arguments and environment
// can be read by others, and nothing is left behind.
Result<os::UniqueFd> password_file(const boost::json::object& database,
                                   const std::string& password) {
  os::UniqueFd fd(::memfd_create("howdah-pgpass", 0));
  if (!fd) return fail_errno("make a password file", errno);
  if (::fchmod(fd.get(), 0600) != 0) return fail_errno("make a password file", errno);
  const std::string line = fmt::format("*:*:*:*:{}\n", password);
  if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return fail_errno(
        "write the password file of " + std::string(database.at("database_name").as_string()),
        errno);
  }
  return fd;
}

Result<int> run_psql(Context& context, const PsqlOptions& options) {
  const std::size_t dot = options.target.find('.');
  const std::string name = options.target.substr(0, dot);
  const std::string branch = dot == std::string::npos ? "" : options.target.substr(dot);
  HOWDAH_TRY(const std::string psql, find_psql());
  HOWDAH_TRY(const auto database, context.find_database(name));
  const std::string id(database.at("id").as_string());
  HOWDAH_TRY(
      const auto revealed,
      context.call(http::Method::post, "/api/databases/" + id + "/connection-strings/reveal"));
  const std::string password(revealed.at("data").at("password").as_string());
  HOWDAH_TRY(os::UniqueFd file, password_file(database, password));

  HOWDAH_TRY(const std::string text, os::read_file(context.layout().connection_file()));
  const auto connection = boost::json::parse(text);
  const std::string conninfo = fmt::format(
      "host={} port={} user={}{} dbname={} sslmode=verify-full sslrootcert={} "
      "passfile=/proc/self/fd/{} application_name=howdah-psql",
      std::string_view(connection.at("host").as_string()), connection.at("direct_port").as_int64(),
      std::string_view(database.at("username").as_string()), branch,
      std::string_view(database.at("database_name").as_string()),
      std::string_view(connection.at("ca_certificate").as_string()), file.get());
  std::vector<std::string> arguments{psql, conninfo};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  return std::unexpected(os::replace_process(arguments, file.get()));
}

}  // namespace

void add_psql_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<PsqlOptions>();
  CLI::App* psql = app.add_subcommand("psql", "Open psql on a database");
  psql->add_option("database", options->target, "DB or DB.BRANCH; may be left out if there is one");
  psql->add_option("arguments", options->arguments, "For psql, after --");
  psql->callback([&context, options] {
    context.action = [&context, options] { return run_psql(context, *options); };
  });
}

}  // namespace howdah::cli
