// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <memory>

#include "cli/commands/programs.h"
#include "cli/commands/target.h"
#include "cli/context.h"
#include "cli/remote.h"
#include "os/file.h"
#include "os/process.h"

namespace howdah::cli {
namespace {

struct PsqlOptions {
  std::string target;  // DB[.BRANCH]
  std::vector<std::string> arguments;
};

// What psql must read goes to it through a file that exists only in memory: arguments and
// environment can be read by others, and nothing is left behind.
Result<os::UniqueFd> memory_file(const char* name, const std::string& content) {
  os::UniqueFd fd(::memfd_create(name, 0));  // stays open in psql
  if (!fd) return fail_errno("make a file in memory", errno);
  if (::fchmod(fd.get(), 0600) != 0) return fail_errno("make a file in memory", errno);
  if (::write(fd.get(), content.data(), content.size()) != static_cast<ssize_t>(content.size())) {
    return fail_errno("write a file in memory", errno);
  }
  return fd;
}

Result<int> run_psql(Context& context, const PsqlOptions& options) {
  HOWDAH_TRY(const std::string psql,
             find_program("psql", "install it: apt-get install postgresql-client"));
  HOWDAH_TRY(const auto login, reveal(context, parse_target(context, options.target)));
  const std::string password(login.at("password").as_string());
  HOWDAH_TRY(const std::string ca, ca_certificate(context));
  HOWDAH_TRY(const os::UniqueFd secret,
             memory_file("howdah-pgpass", fmt::format("*:*:*:*:{}\n", password)));
  HOWDAH_TRY(const os::UniqueFd trusted, memory_file("howdah-ca", ca));
  std::string host(login.at("host").as_string());
  // What a Howdah without --public-host calls itself; there it is, here it is another machine.
  if (context.remote() && host == "localhost") {
    HOWDAH_TRY(host, remote_host(context.config()));
  }
  const std::string conninfo = fmt::format(
      "host={} port={} user={} dbname={} sslmode=verify-full sslrootcert=/proc/self/fd/{} "
      "passfile=/proc/self/fd/{} application_name=howdah-psql",
      host, login.at("direct_port").as_int64(), std::string_view(login.at("username").as_string()),
      std::string_view(login.at("database_name").as_string()), trusted.get(), secret.get());
  std::vector<std::string> arguments{psql, conninfo};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  return std::unexpected(os::replace_process(arguments, secret.get()));
}

}  // namespace

void add_psql_command(CLI::App& app, Context& context) {
  auto options = std::make_shared<PsqlOptions>();
  CLI::App* psql = app.add_subcommand("psql", "Open psql on a database");
  add_database_argument(*psql, options->target)->type_name("DB[.BRANCH]");
  psql->add_option("arguments", options->arguments, "For psql, after --");
  add_example(*psql, "howdah psql shop");
  add_example(*psql, "howdah psql shop -- -c 'SELECT now()'");
  psql->callback([&context, options] {
    context.action = [&context, options] { return run_psql(context, *options); };
  });
}

}  // namespace howdah::cli
