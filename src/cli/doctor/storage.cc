// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "base/json.h"
#include "base/units.h"
#include "cli/doctor/doctor.h"
#include "os/mount.h"

namespace howdah::cli::doctor {
namespace {

namespace fs = std::filesystem;
using std::chrono::days;

constexpr ByteCount kHostFreeMin = 4_GiB;
constexpr days kDumpAgeMax{2};

std::string field(const json::value& record, std::string_view name) {
  const auto* value = record.if_object() ? record.get_object().if_contains(name) : nullptr;
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

// What is written stays as it is, also while it is in use.
Result<void> fill_holes(const os::Path& image) {
  HOWDAH_TRY(const os::UniqueFd fd, os::open_file(image, O_RDWR));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail_errno("look at " + image.string(), errno);
  if (::fallocate(fd.get(), 0, 0, info.st_size) != 0) {
    return fail_errno("allocate " + image.string(), errno);
  }
  return {};
}

// The image was preallocated; one with holes lets writes of databases fail when the disk fills up.
Finding look_at_image(const os::Path& image) {
  struct stat info{};
  if (::stat(image.c_str(), &info) != 0) {
    return {Status::fail, "volume image", image.string() + " is missing",
            "the data of every database is in it", "put it back from where it went"};
  }
  const auto allocated = static_cast<ByteCount>(info.st_blocks) * 512;
  const auto size = static_cast<ByteCount>(info.st_size);
  if (allocated >= size) {
    return {Status::ok, "volume image", to_pretty(size) + ", wholly allocated", "", ""};
  }
  return {Status::fail,
          "volume image",
          fmt::format("{} of {} allocated", to_pretty(allocated), to_pretty(size)),
          "writes of databases fail once the disk is full, although the volume has room",
          fmt::format("howdah doctor --fix, or: fallocate -l {} {}", size, image.string()),
          fmt::format("allocate the {} that {} lacks", to_pretty(size - allocated), image.string()),
          std::bind_front(&fill_holes, image)};
}

}  // namespace

Findings check_folder(const Subject& subject) {
  const Layout& layout = subject.layout;
  const std::string name = layout.data.string();
  std::error_code error;
  if (!fs::exists(layout.data / "howdah.json", error)) {
    return {{Status::note, "data folder", name + " is not made yet", "", "'howdah up' makes it"}};
  }
  struct stat info{};
  if (::stat(layout.data.c_str(), &info) == 0 && info.st_uid != ::geteuid() && ::geteuid() != 0) {
    const std::string owner = os::user_name(info.st_uid).value_or(fmt::format("{}", info.st_uid));
    return {{Status::note, "data folder", fmt::format("{} belongs to user {}", name, owner),
             "some checks see nothing", "run doctor as that user to see everything"}};
  }
  return {{Status::ok, "data folder", name, "", ""}};
}

Findings check_volume(const Subject& subject) {
  const os::Path file = subject.layout.data / "volume.json";
  const auto text = os::read_file(file, 64_KiB);
  if (!text && text.error().code == ErrorCode::not_found) return {};
  const auto record = text ? parse_json(*text) : Result<json::value>(std::unexpected(text.error()));
  if (!record || !record->is_object()) {
    return {{Status::fail, "volume", file.string() + " cannot be read", "Howdah does not start",
             "restore it from a backup of the folder (docs/formats/volume-record.md)"}};
  }
  const std::string driver = field(*record, "driver");
  const std::string degraded = field(*record, "degraded");
  Findings found;
  if (degraded.empty()) {
    found.push_back({Status::ok, "volume", "driver " + driver, "", ""});
  } else {
    found.push_back({Status::note, "volume", "driver " + driver, degraded,
                     "for clones in milliseconds: a new data folder on XFS or btrfs, or as root on "
                     "a disk with room"});
  }
  const auto* image = record->get_object().if_contains("image");
  if (image != nullptr && *image == json::value(true)) {
    found.push_back(look_at_image(subject.layout.data / "volume.img"));
  }
  return found;
}

Finding judge_space(std::string name, const std::string& what, const os::DiskSpace& space,
                    ByteCount free_min) {
  const std::string text = fmt::format("{} of {} free {}", to_pretty(space.free_bytes),
                                       to_pretty(space.size_bytes), what);
  if (space.free_bytes >= free_min) return {Status::ok, std::move(name), text, "", ""};
  const bool urgent = space.free_bytes < free_min / 4;
  return {urgent ? Status::fail : Status::warn, std::move(name), text,
          fmt::format("new databases are refused below {}; a disk that is full stops databases",
                      to_pretty(free_min)),
          "delete what is not needed ('howdah db list'), or make the disk larger: \"Disk full\" "
          "in docs/operations.md"};
}

Findings check_space(const Subject& subject) {
  os::Path place = subject.layout.data;
  std::error_code error;
  while (!fs::exists(place, error) && place.has_relative_path()) place = place.parent_path();
  const auto host = os::disk_space(place);
  if (!host) {
    return {{Status::fail, "disk", host.error().message, "it cannot be used", "check the disk"}};
  }
  Findings found{judge_space("disk", "on the disk of " + place.string(), *host,
                             std::min(kHostFreeMin, host->size_bytes / 10))};
  if (subject.node) {
    found.push_back(judge_volume(*subject.node));
    return found;
  }
  const auto mounted = os::mounted_at(subject.layout.data / "volume");
  if (!mounted || !*mounted) return found;
  if (const auto volume = os::disk_space(subject.layout.data / "volume")) {
    found.push_back(
        judge_space("volume space", "on the volume", *volume, volume->size_bytes / 100 * 15));
  }
  return found;
}

Finding judge_volume(const nodeapi::NodeStatus& node) {
  const std::string text =
      fmt::format("{} of {} free on the volume, {} of ballast", to_pretty(node.volume_free_bytes),
                  to_pretty(node.volume_size_bytes), to_pretty(node.volume_ballast_bytes));
  if (node.volume_state == "ok" && node.instances_held_back == 0) {
    return {Status::ok, "volume space", text, "", ""};
  }
  const std::string more = node.volume_can_grow ? "howdah volume grow +5G" : "a larger disk";
  const std::string advice = fmt::format(
      "delete what is not needed ('howdah db list'), or make room: {}; \"Disk full\" in "
      "docs/operations.md",
      more);
  if (node.volume_state == "low" && node.instances_held_back == 0) {
    return {Status::warn, "volume space", text,
            fmt::format("new databases are refused below {}", to_pretty(node.volume_refuse_bytes)),
            advice};
  }
  return {Status::fail, "volume space", text,
          fmt::format("{} that grew most are suspended or only read, until there is room",
                      node.instances_held_back),
          advice};
}

Findings check_dumps(const Subject& subject) {
  const os::Path folder = subject.layout.data / "backups" / "catalog";
  std::error_code error;
  std::optional<fs::file_time_type> newest;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() != ".dump") continue;
    const auto time = entry.last_write_time(error);
    if (!newest || time > *newest) newest = time;
  }
  if (error) return {};  // not made yet, or not ours to read
  if (!newest) {
    return {{Status::note, "catalog dump", "none yet", "", "the first is taken at 02:00"}};
  }
  const auto age =
      std::chrono::duration_cast<std::chrono::hours>(fs::file_time_type::clock::now() - *newest);
  const std::string text = fmt::format("the newest is {} hours old", std::max(0L, age.count()));
  if (age <= kDumpAgeMax) return {{Status::ok, "catalog dump", text, "", ""}};
  return {{Status::warn, "catalog dump", text,
           "what was made since is not in any dump: names, passwords, firewall rules",
           subject.running ? "look for 'catalog' in " + subject.layout.log_file("howdahd").string()
                           : "one is taken each night while Howdah runs"}};
}

}  // namespace howdah::cli::doctor
