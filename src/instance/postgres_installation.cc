// SPDX-License-Identifier: Apache-2.0
#include "instance/postgres_installation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>

#include "os/process.h"

namespace howdah::instance {
namespace {

constexpr int kVersionTimeoutMs = 5'000;
constexpr std::string_view kInstallHint =
    "install one (Debian: apt-get install postgresql-15) or name its folder with --postgres-dir";

using Found = std::map<int, PostgresInstallation>;

bool is_program(const os::Path& path) {
  return ::access(path.c_str(), X_OK) == 0;
}

// A server that can be used: postgres and initdb side by side, of a major we know.
Result<PostgresInstallation> inspect(const os::Path& directory) {
  for (const char* name : {"postgres", "initdb"}) {
    if (!is_program(directory / name)) {
      return fail(ErrorCode::not_found,
                  fmt::format("{} has no program '{}'", directory.string(), name));
    }
  }
  os::SpawnOptions options;
  options.arguments = {(directory / "postgres").string(), "--version"};
  options.environment = {"LC_ALL=C"};
  HOWDAH_TRY(const os::Output output, os::run(options, kVersionTimeoutMs));
  if (output.exit_code != 0) {
    return fail(ErrorCode::not_found, fmt::format("{}/postgres does not run", directory.string()),
                {}, output.text);
  }
  HOWDAH_TRY(PostgresInstallation installation, parse_postgres_version(output.text));
  if (installation.major < kMajorMin || installation.major > kMajorMax) {
    return fail(ErrorCode::unsupported,
                fmt::format("{} is PostgreSQL {}; {} to {} are supported", directory.string(),
                            installation.version, kMajorMin, kMajorMax));
  }
  installation.bin_directory = directory;
  return installation;
}

void add(Found& found, const os::Path& directory) {
  if (auto installation = inspect(directory)) {
    found.emplace(installation->major, std::move(*installation));
  }
}

Result<void> add_extra(Found& found, const os::Path& directory) {
  auto installation = inspect(directory / "bin");
  if (!installation && installation.error().code == ErrorCode::not_found) {
    installation = inspect(directory);
  }
  if (!installation) {
    return fail(
        ErrorCode::config_invalid,
        fmt::format("--postgres-dir {}: {}", directory.string(), installation.error().message),
        "name a folder that holds bin/postgres and bin/initdb", installation.error().detail);
  }
  found.emplace(installation->major, std::move(*installation));
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
    HOWDAH_CHECK(add_extra(found, directory));
  }
  for (int major = kMajorMin; major <= kMajorMax; ++major) {
    if (!found.contains(major)) add(found, search.debian_root / std::to_string(major) / "bin");
  }
  // Only where nothing else was found: running what is in $PATH is the weakest evidence.
  if (search.search_path && found.empty()) {
    const char* variable = std::getenv("PATH");
    std::string_view rest = variable == nullptr ? "" : variable;
    while (!rest.empty()) {
      const std::string_view directory = rest.substr(0, rest.find(':'));
      rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
      if (directory.starts_with('/')) add(found, directory);
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
              fmt::format("install postgresql-{}, or choose one of those", major));
}

}  // namespace howdah::instance
