// SPDX-License-Identifier: Apache-2.0
#include "cli/doctor.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <chrono>

#include "base/clock.h"
#include "base/units.h"
#include "crypto/certificate.h"
#include "instance/postgres_installation.h"

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;
using std::chrono::days;

constexpr ByteCount kHostFreeMin = 4_GiB;
constexpr days kCertificateWarning{14};
constexpr days kBackupAgeMax{2};

template <typename Versions>
Finding list_servers(const Versions& found) {
  std::string versions;
  for (const auto& one : found) versions += (versions.empty() ? "" : ", ") + one.version;
  return {Verdict::good, "PostgreSQL", versions, ""};
}

std::vector<Finding> examine_servers(const nodeapi::NodeStatus& node) {
  std::vector<Finding> findings{list_servers(node.postgres)};
  for (const nodeapi::MissingPostgres& missing : node.missing_postgres) {
    findings.push_back(
        {Verdict::problem, "PostgreSQL",
         fmt::format("{} database{} PostgreSQL {}, which is not installed", missing.instances,
                     missing.instances == 1 ? " needs" : "s need", missing.major),
         instance::missing_major_hint(missing.major)});
  }
  return findings;
}

// Nothing runs, so what --postgres-dir will name is not known.
std::vector<Finding> examine_servers(const Layout& layout) {
  const auto found = instance::find_installations({});
  if (!found) return {{Verdict::problem, "PostgreSQL", found.error().message, found.error().hint}};
  std::vector<Finding> findings{list_servers(*found)};
  const auto version = os::read_file(layout.data / "catalog" / "data" / "PG_VERSION");
  int major = 0;
  if (version) std::from_chars(version->data(), version->data() + version->size(), major);
  if (major != 0 && !instance::choose_installation(*found, major)) {
    findings.push_back(
        {Verdict::problem, "PostgreSQL",
         fmt::format("the catalog needs PostgreSQL {}, which is not installed", major),
         instance::missing_major_hint(major)});
  }
  return findings;
}

Finding examine_folder(const Layout& layout) {
  const std::string name = layout.data.string();
  std::error_code error;
  if (!fs::exists(layout.data / "howdah.json", error)) {
    return {Verdict::note, "Data folder", name + " is not made yet", "'howdah up' makes it"};
  }
  struct stat info{};
  if (::stat(layout.data.c_str(), &info) == 0 && info.st_uid != ::geteuid()) {
    return {Verdict::problem, "Data folder",
            fmt::format("{} belongs to user {}", name,
                        os::user_name(info.st_uid).value_or(fmt::format("{}", info.st_uid))),
            "run howdah as that user, or name your folder with --data-dir"};
  }
  return {Verdict::good, "Data folder", name, ""};
}

Finding examine_space(const Layout& layout) {
  os::Path place = layout.data;
  std::error_code error;
  while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  const auto space = os::disk_space(place);
  if (!space) return {Verdict::problem, "Disk space", space.error().message, "check the disk"};
  const std::string text =
      fmt::format("{} of {} free on the disk of {}", to_pretty(space->free_bytes),
                  to_pretty(space->size_bytes), layout.data.string());
  if (space->free_bytes < kHostFreeMin) {
    return {Verdict::problem, "Disk space", text,
            fmt::format("free at least {}", to_pretty(kHostFreeMin))};
  }
  return {Verdict::good, "Disk space", text, ""};
}

// The image was preallocated; a file system that punched holes into it would fail writes later.
std::vector<Finding> examine_image(const Layout& layout) {
  struct stat info{};
  const os::Path image = layout.data / "volume.img";
  if (::stat(image.c_str(), &info) != 0) return {};
  const auto allocated = static_cast<ByteCount>(info.st_blocks) * 512;
  const auto size = static_cast<ByteCount>(info.st_size);
  if (allocated >= size) {
    return {{Verdict::good, "Volume image", to_pretty(size) + ", wholly allocated", ""}};
  }
  return {{Verdict::problem, "Volume image",
           fmt::format("{} of {} allocated: writes can fail when the disk fills up",
                       to_pretty(allocated), to_pretty(size)),
           fmt::format("stop Howdah and run: fallocate -l {} {}", size, image.string())}};
}

std::vector<Finding> examine_certificate(const Layout& layout) {
  const auto pem = os::read_file(layout.data / "tls" / "server.crt");
  if (!pem) return {};
  const auto facts = crypto::read_certificate(*pem);
  if (!facts) {
    return {{Verdict::problem, "TLS certificate", facts.error().message,
             "remove tls/server.crt and restart Howdah: it makes a new one"}};
  }
  const std::string text = "valid until " + to_rfc3339(facts->not_after);
  if (facts->not_after - now() < kCertificateWarning) {
    return {
        {Verdict::problem, "TLS certificate", text, "restart Howdah: it renews the certificate"}};
  }
  return {{Verdict::good, "TLS certificate", text, ""}};
}

std::vector<Finding> examine_catalog_backup(const Layout& layout) {
  std::error_code error;
  std::optional<fs::file_time_type> newest;
  for (const auto& entry : fs::directory_iterator(layout.data / "backups" / "catalog", error)) {
    if (entry.path().extension() != ".dump") continue;
    const auto time = entry.last_write_time(error);
    if (!newest || time > *newest) newest = time;
  }
  if (error) return {};  // not made yet, or not ours to read
  if (!newest) {
    return {{Verdict::note, "Catalog backup", "none yet", "the first is taken at 02:00"}};
  }
  const auto age =
      std::chrono::duration_cast<std::chrono::hours>(fs::file_time_type::clock::now() - *newest);
  const std::string text = fmt::format("the newest is {} hours old", age.count());
  if (age > kBackupAgeMax) {
    return {{Verdict::problem, "Catalog backup", text,
             fmt::format("look for 'catalog dump' in {}", layout.log_file("howdahd").string())}};
  }
  return {{Verdict::good, "Catalog backup", text, ""}};
}

}  // namespace

std::vector<Finding> examine_machine(const Layout& layout,
                                     const std::optional<nodeapi::NodeStatus>& node) {
  std::vector<Finding> findings = node ? examine_servers(*node) : examine_servers(layout);
  findings.push_back(examine_folder(layout));
  findings.push_back(examine_space(layout));
  for (auto part :
       {examine_image(layout), examine_certificate(layout), examine_catalog_backup(layout)}) {
    findings.insert(findings.end(), part.begin(), part.end());
  }
  return findings;
}

}  // namespace howdah::cli
