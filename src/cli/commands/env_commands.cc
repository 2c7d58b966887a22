// SPDX-License-Identifier: Apache-2.0
// howdah env pull.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>

#include "cli/commands/env_file.h"
#include "cli/commands/target.h"
#include "cli/context.h"
#include "cli/settings/git_ignore.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

constexpr ByteCount kFileSizeMax = 1_MiB;
constexpr std::string_view kCaName = "howdah-ca.crt";

struct PullOptions {
  std::string database;
  std::string file = ".env";
  bool direct = false;
};

struct ExistingFile {
  std::string text;
  os::UserIds owner{};
};

// What is there already. Anything but a file of our own kind is left alone.
Result<ExistingFile> read_existing(const os::Path& file) {
  ExistingFile existing{{}, commanding_user()};
  struct stat info{};
  if (::lstat(file.c_str(), &info) != 0) {
    if (errno == ENOENT) return existing;
    return fail_errno("look at " + file.string(), errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return fail(ErrorCode::invalid_request, fmt::format("{} is not a regular file", file.string()),
                "name another with --file");
  }
  existing.owner = {info.st_uid, info.st_gid};
  HOWDAH_TRY(existing.text, os::read_file(file, kFileSizeMax));
  return existing;
}

bool is_plain_path(const std::string& path) {
  return std::ranges::all_of(path, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '/' || c == '-';
  });
}

// Where the programs that read the file will find the CA certificate: on the machine of the data
// folder that is its own file; elsewhere a copy beside the file.
Result<std::string> place_ca(Context& context, const os::Path& file) {
  const std::string& given = context.config().text("ca-file");
  std::error_code error;
  const os::Path own = context.remote() ? (given.empty() ? os::Path() : fs::absolute(given, error))
                                        : context.layout().ca_certificate();
  if (!own.empty() && is_plain_path(own.string())) return own.string();
  HOWDAH_TRY(const std::string pem, ca_certificate(context));
  const os::Path copy = file.parent_path() / kCaName;
  HOWDAH_CHECK(os::write_file_atomic(copy, pem, 0644));
  context.say(fmt::format("Wrote {}.", copy.string()));
  return is_plain_path(copy.string()) ? copy.string() : std::string(kCaName);
}

Result<int> pull(Context& context, const PullOptions& options) {
  std::error_code error;
  const os::Path file = fs::absolute(options.file, error).lexically_normal();
  if (error) return fail_errno("find " + options.file, error.value());
  HOWDAH_TRY(const ExistingFile existing, read_existing(file));
  HOWDAH_TRY(const std::string ca, place_ca(context, file));
  HOWDAH_TRY(const auto revealed, reveal(context, parse_target(context, options.database), ca));
  const auto& snippet = revealed.at("snippets").at(".env").as_object();
  const auto wanted = parse_env(snippet.at(options.direct ? "direct" : "pooled").as_string());
  HOWDAH_TRY(const std::string text, merge_env(existing.text, wanted));
  // Ignored before it holds a secret.
  HOWDAH_CHECK(ignore_in_git(file));
  HOWDAH_CHECK(os::write_file_atomic(file, text, 0600));
  if (existing.owner.uid != ::geteuid()) {
    HOWDAH_CHECK(os::change_owner(file, existing.owner.uid, existing.owner.gid));
  }
  boost::json::array names;
  std::string listed;
  for (const Assignment& one : wanted) {
    names.emplace_back(one.name);
    listed += (listed.empty() ? "" : ", ") + one.name;
  }
  if (context.format() != OutputFormat::table) {
    context.print_object({{"file", file.string()}, {"variables", names}});
  }
  context.say(fmt::format("Wrote {} to {}.", listed, file.string()));
  if (context.remote() && revealed.at("host") == "localhost") {
    context.say(
        "They lead to localhost, where that Howdah is: start it with --public-host NAME, the name "
        "that this machine reaches it by.");
  }
  return 0;
}

}  // namespace

void add_env_commands(CLI::App& app, Context& context) {
  CLI::App* env = app.add_subcommand("env", "Login data for frameworks")->require_subcommand(1);
  CLI::App* command = env->add_subcommand(
      "pull", "Write DATABASE_URL and so on to a .env file; the rest of it stays");
  auto options = std::make_shared<PullOptions>();
  add_database_argument(*command, options->database)->type_name("DB[.BRANCH]");
  command->add_option("--file", options->file, "The file")
      ->type_name("PATH")
      ->capture_default_str();
  command->add_flag("--direct", options->direct,
                    "DATABASE_URL with the direct port, not the pooled");
  add_example(*command, "howdah env pull shop");
  add_example(*command, "howdah env pull shop --file apps/web/.env.local");
  command->callback([&context, options] {
    context.action = [&context, options] { return pull(context, *options); };
  });
}

}  // namespace howdah::cli
