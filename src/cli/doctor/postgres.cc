// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "cli/doctor/doctor.h"
#include "os/file.h"

namespace howdah::cli::doctor {
namespace {

// The newest of each major when this version of Howdah was made: an older one has known bugs.
constexpr std::array<std::pair<int, int>, 6> kNewestMinors{
    {{13, 23}, {14, 20}, {15, 15}, {16, 11}, {17, 7}, {18, 1}}};

int minor_of(const instance::PostgresInstallation& one) {
  const std::size_t dot = one.version.find('.');
  int minor = 0;
  if (dot != std::string::npos) {
    std::from_chars(one.version.data() + dot + 1, one.version.data() + one.version.size(), minor);
  }
  return minor;
}

int newest_minor(int major) {
  const auto found = std::ranges::find(kNewestMinors, major, &std::pair<int, int>::first);
  return found == kNewestMinors.end() ? 0 : found->second;
}

Finding missing_major(int major, const std::string& who) {
  return {Status::fail, "postgresql",
          fmt::format("{} PostgreSQL {}, which is not installed", who, major),
          "it cannot be started", instance::missing_major_hint(major)};
}

// Nothing runs, so what --postgres-dir will name is not known.
Findings check_catalog(const Layout& layout,
                       const std::vector<instance::PostgresInstallation>& found) {
  const auto version = os::read_file(layout.data / "catalog" / "data" / "PG_VERSION", 16);
  int major = 0;
  if (version) std::from_chars(version->data(), version->data() + version->size(), major);
  if (major == 0 || instance::choose_installation(found, major)) return {};
  return {missing_major(major, "the catalog needs")};
}

}  // namespace

Finding judge_versions(const std::vector<instance::PostgresInstallation>& found) {
  std::string versions;
  std::string old;
  for (const auto& one : found) {
    versions += (versions.empty() ? "" : ", ") + one.version;
    const int newest = newest_minor(one.major);
    if (minor_of(one) >= newest) continue;
    old += fmt::format("{}{}.{}", old.empty() ? "" : ", ", one.major, newest);
  }
  if (old.empty()) return {Status::ok, "postgresql", versions, "", ""};
  return {Status::warn, "postgresql", versions,
          fmt::format("newer minor versions are out ({}); they mend bugs and security holes", old),
          "upgrade the packages (apt upgrade), then restart Howdah"};
}

Findings check_postgres(const Subject& subject) {
  if (subject.node && !subject.node->postgres.empty()) {
    std::vector<instance::PostgresInstallation> used;
    for (const auto& one : subject.node->postgres) used.push_back({one.major, one.version, {}});
    Findings findings{judge_versions(used)};
    for (const nodeapi::MissingPostgres& missing : subject.node->missing_postgres) {
      findings.push_back(
          missing_major(missing.major, fmt::format("{} database{}", missing.instances,
                                                   missing.instances == 1 ? " needs" : "s need")));
    }
    return findings;
  }
  const auto found = instance::find_installations({});
  if (found) {
    Findings findings{judge_versions(*found)};
    for (Finding& one : check_catalog(subject.layout, *found)) findings.push_back(std::move(one));
    return findings;
  }
  return {{Status::fail, "postgresql", found.error().message, "no database can be started",
           found.error().hint}};
}

}  // namespace howdah::cli::doctor
