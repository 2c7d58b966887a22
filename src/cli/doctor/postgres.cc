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

Findings judge_missing(const std::vector<nodeapi::MissingPostgres>& missing) {
  Findings findings;
  for (const nodeapi::MissingPostgres& one : missing) {
    findings.push_back(
        {Status::fail, "postgresql",
         fmt::format("{} database{} PostgreSQL {}, which is not installed", one.instances,
                     one.instances == 1 ? " needs" : "s need", one.major),
         "what sleeps of them cannot be woken", instance::missing_major_hint(one.major)});
  }
  return findings;
}

namespace {

// Nothing runs, so what --postgres-dir will name is not known.
Findings judge_catalog(const Subject& subject,
                       const std::vector<instance::PostgresInstallation>& found) {
  const auto text = os::read_file(subject.layout.data / "catalog" / "data" / "PG_VERSION", 64);
  int major = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), major);
  if (major == 0 || instance::choose_installation(found, major)) return {};
  return {{Status::warn, "postgresql",
           fmt::format("the catalog needs PostgreSQL {}, which no package has put here", major),
           "Howdah does not start without it", instance::missing_major_hint(major)}};
}

}  // namespace

Findings check_postgres(const Subject& subject) {
  if (subject.node && !subject.node->postgres.empty()) {
    std::vector<instance::PostgresInstallation> used;
    for (const auto& one : subject.node->postgres) used.push_back({one.major, one.version, {}});
    Findings findings = judge_missing(subject.node->missing_postgres);
    findings.insert(findings.begin(), judge_versions(used));
    return findings;
  }
  const auto found = instance::find_installations({});
  if (found) {
    Findings findings = judge_catalog(subject, *found);
    findings.insert(findings.begin(), judge_versions(*found));
    return findings;
  }
  return {{Status::fail, "postgresql", found.error().message, "no database can be started",
           found.error().hint}};
}

}  // namespace howdah::cli::doctor
