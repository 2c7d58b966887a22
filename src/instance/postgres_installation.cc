// SPDX-License-Identifier: Apache-2.0
#include "instance/postgres_installation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>

namespace howdah::instance {
namespace {

constexpr int kVersionTimeoutMs = 5'000;
constexpr std::string_view kInstallHint =
    "install one (Debian: apt-get install postgresql-15) or name its folder with --postgres-dir";

using Found = std::map<int, PostgresInstallation>;

bool is_program(const os::Path& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

bool has_server(const os::Path& directory) {
  return is_program(directory / "postgres") && is_program(directory / "initdb");
}

// A server that can be used: postgres and initdb side by side, of a major we know.
Result<PostgresInstallation> inspect(const os::Path& directory,
                                     const std::optional<os::UserIds>& run_as) {
  if (!has_server(directory)) {
    return fail(ErrorCode::not_found,
                fmt::format("{} has no programs postgres and initdb", directory.string()));
  }
  os::SpawnOptions options;
  options.arguments = {(directory / "postgres").string(), "--version"};
  options.environment = {"LC_ALL=C"};
  options.user = run_as;
  const auto output = os::run(options, kVersionTimeoutMs);
  if (!output || output->exit_code != 0) {
    return fail(ErrorCode::not_found,
                fmt::format("{}/postgres does not run{}", directory.string(),
                            run_as ? " as another user than root" : ""),
                "every user must be able to read and run what is in there",
                output ? output->text : output.error().to_log());
  }
  HOWDAH_TRY(PostgresInstallation installation, parse_postgres_version(output->text));
  if (installation.major < kMajorMin || installation.major > kMajorMax) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} is PostgreSQL {}; {} to {} are supported", directory.string(),
                            installation.version, kMajorMin, kMajorMax));
  }
  installation.bin_directory = directory;
  installation.has_client_tools =
      is_program(directory / "pg_dump") && is_program(directory / "pg_restore");
  return installation;
}

void add(Found& found, const os::Path& directory, const InstallationSearch& search) {
  if (auto installation = inspect(directory, search.run_as)) {
    found.emplace(installation->major, std::move(*installation));
  }
}

// The bin folders that an extra directory stands for; never none.
std::vector<os::Path> bin_directories(const os::Path& directory) {
  std::vector<os::Path> candidates{directory / "bin", directory};
  for (int major = kMajorMin; major <= kMajorMax; ++major) {
    candidates.push_back(directory / std::to_string(major) / "bin");
  }
  std::erase_if(candidates, [](const os::Path& one) { return !has_server(one); });
  if (candidates.empty()) candidates.push_back(directory);
  return candidates;
}

Result<void> add_extra(Found& found, const os::Path& directory, const InstallationSearch& search) {
  for (const os::Path& bin : bin_directories(directory)) {
    auto installation = inspect(bin, search.run_as);
    if (!installation) {
      const Error& error = installation.error();
      return fail(
          ErrorCode::config_invalid,
          fmt::format("--postgres-dir {}: {}", directory.string(), error.message),
          error.hint.empty() ? "name a folder that holds bin/postgres and bin/initdb" : error.hint,
          error.detail);
    }
    found.emplace(installation->major, std::move(*installation));
  }
  return {};
}

}  // namespace

Result<PostgresInstallation> parse_postgres_version(std::string_view text) {
  constexpr std::string_view kPrefix = "postgres (PostgreSQL) ";
  const auto refuse = [&] {
    return fail(ErrorCode::invalid_request, "not the version of a PostgreSQL server", {},
                std::string(text.substr(0, 200)));
  };
  if (!text.starts_with(kPrefix)) return refuse();
  text.remove_prefix(kPrefix.size());
  text = text.substr(0, text.find_first_of(" \n"));
  PostgresInstallation installation;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), installation.major);
  // "18devel" and "18beta1" are versions too; "9.6" is one that nothing here supports.
  if (error != std::errc() || installation.major <= 0) return refuse();
  installation.version = std::string(text);
  return installation;
}

Result<std::vector<PostgresInstallation>> find_installations(const InstallationSearch& search) {
  Found found;
  for (const os::Path& directory : search.extra_directories) {
    HOWDAH_CHECK(add_extra(found, directory, search));
  }
  for (int major = kMajorMin; major <= kMajorMax; ++major) {
    if (found.contains(major)) continue;
    add(found, search.debian_root / std::to_string(major) / "bin", search);
  }
  // Only where nothing else was found: running what is in $PATH is the weakest evidence.
  if (search.search_path && found.empty()) {
    const char* variable = std::getenv("PATH");
    std::string_view rest = variable == nullptr ? "" : variable;
    while (!rest.empty()) {
      const std::string_view directory = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
      if (directory.starts_with('/')) add(found, directory, search);
    }
  }
  if (found.empty()) {
    return fail(
        ErrorCode::no_postgres,
        fmt::format("no PostgreSQL server ({} to {}) was found below {}{}", kMajorMin, kMajorMax,
                    search.debian_root.string(), search.search_path ? " or in PATH" : ""),
        std::string(kInstallHint));
  }
  std::vector<PostgresInstallation> result;
  for (auto& [major, installation] : found) result.push_back(std::move(installation));
  return result;
}

Result<PostgresInstallation> choose_installation(const std::vector<PostgresInstallation>& found,
                                                 int major) {
  if (found.empty()) {
    return fail(ErrorCode::no_postgres, "no PostgreSQL server was found",
                std::string(kInstallHint));
  }
  if (major == 0) return found.back();
  std::string there;
  for (const PostgresInstallation& one : found) {
    if (one.major == major) return one;
    there += fmt::format("{}{}", there.empty() ? "" : ", ", one.major);
  }
  return fail(ErrorCode::no_postgres,
              fmt::format("PostgreSQL {} is not installed; there is {}", major, there),
              missing_major_hint(major));
}

std::string missing_major_hint(int major) {
  return fmt::format(
      "install postgresql-{} (for Debian: apt.postgresql.org has all majors) or name its folder "
      "with --postgres-dir, then restart Howdah",
      major);
}

}  // namespace howdah::instance
