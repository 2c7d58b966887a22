// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "cli/doctor/doctor.h"

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

Findings check_postgres(const Subject& subject) {
  if (subject.node && !subject.node->postgres.empty()) {
    std::vector<instance::PostgresInstallation> used;
    for (const auto& one : subject.node->postgres) used.push_back({one.major, one.version, {}});
    return {judge_versions(used)};
  }
  const auto found = instance::find_installations({});
  if (found) return {judge_versions(*found)};
  return {{Status::fail, "postgresql", found.error().message, "no database can be started",
           found.error().hint}};
}

}  // namespace howdah::cli::doctor
