// SPDX-License-Identifier: Apache-2.0
// Which driver a data folder gets. Decided once, and written to data_dir/volume.json when the
// volume is usable: a folder never changes its driver by itself, since the other driver would show
// an empty volume over the data.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/log.h"
#include "volume/btrfs_volume.h"
#include "volume/copy_volume.h"
#include "volume/detail/btrfs_ioctl.h"
#include "volume/detail/image.h"
#include "volume/detail/tree.h"
#include "volume/volume.h"

namespace howdah::volume {
namespace {

constexpr std::string_view kCopyCost =
    "volume: copy driver, so each new database or branch copies every byte: ";

// data_dir/volume.json: {"format":1,"driver":"copy","image":false,"degraded":"..."}
struct Record {
  Driver driver = Driver::btrfs;
  bool image = false;
  std::string degraded;
};

Result<std::optional<Record>> read_record(const os::Path& path) {
  const auto text = os::read_file(path, 64_KiB);
  if (!text && text.error().code == ErrorCode::not_found) return std::nullopt;
  if (!text) return std::unexpected(text.error());
  const auto damaged = [&](const Error& error) {
    return fail(ErrorCode::data_folder_unusable,
                path.string() + " cannot be read: " + error.message);
  };
  const auto value = parse_json(*text);
  if (!value) return damaged(value.error());
  JsonReader in(*value);
  Record record;
  const auto format = in.optional_integer("format", 1, 1);
  const auto driver = parse_driver(in.required_string("driver", 1, 20));
  record.image = in.optional_bool("image").value_or(false);
  record.degraded = in.optional_string("degraded", 0, 1000).value_or("");
  if (!format) in.reject("format", "is required");
  if (!driver || *driver == Driver::automatic) in.reject("driver", "is unknown");
  if (const auto finished = in.finish(); !finished) return damaged(finished.error());
  record.driver = *driver;
  return record;
}

std::string_view name_of(Driver driver) {
  if (driver == Driver::btrfs) return "btrfs";
  return driver == Driver::reflink ? "reflink" : "copy";
}

Result<void> write_record(const os::Path& path, const Record& record) {
  const json::value value{{"format", 1},
                          {"driver", name_of(record.driver)},
                          {"image", record.image},
                          {"degraded", record.degraded}};
  return os::write_file_atomic(path, json::serialize(value) + "\n", 0644);
}

bool present(const os::Path& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

bool on_btrfs(const os::Path& path) {
  const auto fd = os::open_file(path, O_RDONLY | O_DIRECTORY);
  return fd && btrfs::is_btrfs(fd->get());
}

bool can_share(const os::Path& path) {
  const auto fd = os::open_file(path, O_RDONLY | O_DIRECTORY);
  return fd && tree::can_share(fd->get()).value_or(false);
}

}  // namespace

// One run of open_volume(): the paths, and the steps in their order.
class Opening {
 public:
  explicit Opening(const VolumeOptions& options) : options_(options) {}

  Result<std::unique_ptr<Volume>> run() {
    std::error_code error;
    const os::Path folder = std::filesystem::canonical(options_.data_dir, error);
    if (error) return fail_errno("open data folder " + options_.data_dir.string(), error.value());
    record_path_ = folder / "volume.json";
    image_ = folder / "volume.img";
    root_ = folder / "volume";
    HOWDAH_TRY(const auto record, read_record(record_path_));
    if (record) return open_recorded(*record);
    // A crash may have come between the finished image and its record.
    if (present(image_) &&
        (options_.driver == Driver::automatic || options_.driver == Driver::btrfs)) {
      return finish({Driver::btrfs, true, {}}, open_image());
    }
    HOWDAH_CHECK(os::make_directory(root_, 0711));
    return open_new();
  }

 private:
  Result<std::unique_ptr<Volume>> open_recorded(const Record& record) {
    if (options_.driver != Driver::automatic && options_.driver != record.driver) {
      return fail(ErrorCode::config_invalid,
                  fmt::format("the volume of {} was made with the driver {} and keeps it",
                              options_.data_dir.string(), name_of(record.driver)),
                  "leave the driver out, or choose another data folder");
    }
    if (record.image) return open_image();
    if (record.driver == Driver::copy) return open_plain(tree::Content::copied, record.degraded);
    HOWDAH_CHECK(os::make_directory(root_, 0711));
    if (record.driver == Driver::btrfs && on_btrfs(root_)) return open_subvolumes();
    // Its data directories are ordinary ones to every file system, so a moved folder goes on.
    if (can_share(root_)) return open_plain(tree::Content::shared, record.degraded);
    return open_plain(tree::Content::copied,
                      fmt::format("{}the folder was moved here from a file system where files can "
                                  "share their blocks (driver {})",
                                  kCopyCost, name_of(record.driver)));
  }

  // Each way in turn, while there is a reason why the one before cannot be had here.
  Result<std::unique_ptr<Volume>> open_new() {
    using Way = Result<std::unique_ptr<Volume>> (Opening::*)();
    std::vector<std::pair<Record, Way>> ways;
    const bool any = options_.driver == Driver::automatic;
    const bool subvolumes = on_btrfs(root_);
    if ((any || options_.driver == Driver::btrfs) && subvolumes) {
      ways.push_back({{Driver::btrfs, false, {}}, &Opening::open_subvolumes});
    }
    // A size can be kept by an image only.
    const bool sized = options_.image_size_bytes > 0 && ::geteuid() == 0;
    if (options_.driver == Driver::reflink || (any && !sized)) {
      ways.push_back({{Driver::reflink, false, {}}, &Opening::open_reflink});
    }
    if ((any || options_.driver == Driver::btrfs) && !subvolumes) {
      ways.push_back({{Driver::btrfs, true, {}}, &Opening::make_image});
    }
    std::string why;
    for (const auto& [record, open] : ways) {
      auto volume = finish(record, (this->*open)());
      if (volume || volume.error().code != ErrorCode::unsupported || !any) return volume;
      why += (why.empty() ? "" : "; ") + volume.error().message;
    }
    const std::string degraded = why.empty() ? why : std::string(kCopyCost) + why;
    return finish({Driver::copy, false, degraded}, open_plain(tree::Content::copied, degraded));
  }

  Result<std::unique_ptr<Volume>> finish(const Record& record,
                                         Result<std::unique_ptr<Volume>> volume) {
    if (volume) HOWDAH_CHECK(write_record(record_path_, record));
    return volume;
  }

  Result<std::unique_ptr<Volume>> open_plain(tree::Content content, const std::string& degraded) {
    HOWDAH_CHECK(os::make_directory(root_, 0711));
    HOWDAH_TRY(auto parts, Volume::open_root(root_, degraded));
    auto volume = std::make_unique<CopyVolume>(std::move(parts), content);
    HOWDAH_CHECK(static_cast<Volume&>(*volume).remove_leftovers());
    return volume;
  }

  Result<std::unique_ptr<Volume>> open_reflink() {
    if (can_share(root_)) return open_plain(tree::Content::shared, {});
    return fail(ErrorCode::unsupported, "files cannot share their blocks on this file system");
  }

  Result<std::unique_ptr<Volume>> open_subvolumes() {
    HOWDAH_CHECK(os::make_directory(root_, 0711));
    HOWDAH_TRY(auto parts, Volume::open_root(root_, {}));
    auto volume = std::make_unique<BtrfsVolume>(std::move(parts), os::Path());
    HOWDAH_CHECK(static_cast<Volume&>(*volume).remove_leftovers());
    if (const auto probed = volume->probe(); !probed) {
      return fail(ErrorCode::unsupported,
                  "the host's btrfs allows no subvolumes: " + probed.error().message);
    }
    return volume;
  }

  Result<std::unique_ptr<Volume>> open_image() {
    if (::geteuid() != 0) {
      return fail(ErrorCode::data_folder_unusable,
                  fmt::format("only root can mount {}", image_.string()),
                  "start as root, or choose another data folder");
    }
    HOWDAH_CHECK(os::make_directory(root_, 0711));
    HOWDAH_CHECK(image::mount(image_, root_));
    HOWDAH_TRY(auto parts, Volume::open_root(root_, {}));
    auto volume = std::make_unique<BtrfsVolume>(std::move(parts), image_);
    HOWDAH_CHECK(static_cast<Volume&>(*volume).remove_leftovers());
    HOWDAH_CHECK(volume->count_own_bytes());
    // Where a crash came in the middle of its growth, or it was made larger by hand.
    HOWDAH_CHECK(volume->take_whole_image());
    return volume;
  }

  Result<std::unique_ptr<Volume>> make_image() {
    if (::geteuid() != 0) {
      return fail(ErrorCode::unsupported, "a btrfs image can be mounted by root only");
    }
    HOWDAH_TRY(const ByteCount size, new_image_size());
    log::info("volume", "making the volume {}, {}", image_.string(), to_pretty(size));
    HOWDAH_CHECK(image::make(image_, size));
    auto volume = open_image();
    // No loop device or no btrfs here: an image that nobody can use must not keep its space.
    if (!volume && volume.error().code == ErrorCode::unsupported) (void)::unlink(image_.c_str());
    return volume;
  }

  Result<ByteCount> new_image_size() {
    HOWDAH_TRY(const os::DiskSpace host, os::disk_space(root_));
    const ByteCount asked = options_.image_size_bytes;
    if (asked == 0) {
      const ByteCount size = image_size(host);
      if (size > 0) return size;
      return fail(ErrorCode::unsupported,
                  fmt::format("with {} free there is no room for a volume image of 2 GB that "
                              "leaves the host 4 GB and 20 %",
                              to_pretty(host.free_bytes)));
    }
    if (asked < image::kSizeMin) {
      return fail(ErrorCode::config_invalid,
                  fmt::format("a volume of {} is too small: at least {}", to_pretty(asked),
                              to_pretty(image::kSizeMin)));
    }
    const ByteCount size = asked - asked % 1_MiB;
    if (size > host.free_bytes) {
      return fail(ErrorCode::volume_full,
                  fmt::format("a volume of {} does not fit: {} are free on the disk of {}",
                              to_pretty(size), to_pretty(host.free_bytes), root_.string()),
                  "choose a smaller --volume-size, or a data folder on another disk");
    }
    return size;
  }

  const VolumeOptions& options_;
  os::Path record_path_;
  os::Path image_;
  os::Path root_;
};

Result<std::unique_ptr<Volume>> open_volume(const VolumeOptions& options) {
  return Opening(options).run();
}

}  // namespace howdah::volume
