// SPDX-License-Identifier: Apache-2.0
// What open_volume() decides, and what is special to the image and to btrfs.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>

#include "base/json.h"
#include "base/test_format_page.h"
#include "volume/detail/scratch_disk.h"
#include "volume/volume.h"

namespace howdah::volume {
namespace {

namespace fs = std::filesystem;

class OpenVolume : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it mounts disks of its own";
    options_ = {folder_.path() / "data", Driver::automatic, 256_MiB};
    fs::create_directory(options_.data_dir);
  }
  void TearDown() override {
    if (volume_) (void)volume_->close();
    if (!options_.data_dir.empty()) (void)os::unmount(options_.data_dir / "volume");
  }
  void open() {
    auto volume = open_volume(options_);
    ASSERT_TRUE(volume) << volume.error().to_log();
    volume_ = *std::move(volume);
  }
  ErrorCode code_of_open() {
    auto volume = open_volume(options_);
    if (!volume) return volume.error().code;
    volume_ = *std::move(volume);
    return ErrorCode::internal;
  }
  os::Path image() const { return options_.data_dir / "volume.img"; }
  os::Path path(const std::string& relative) const { return volume_->root() / relative; }

  ScratchFolder folder_;
  VolumeOptions options_;
  std::unique_ptr<Volume> volume_;
};

ByteCount allocated(const os::Path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return 0;
  return static_cast<ByteCount>(info.st_blocks) * 512;
}

TEST_F(OpenVolume, a_new_folder_gets_btrfs_on_an_image_of_its_own) {
  open();
  EXPECT_EQ(volume_->driver(), "btrfs");
  EXPECT_TRUE(volume_->clones_live_directories());
  EXPECT_EQ(volume_->degraded(), "");
  EXPECT_EQ(fs::file_size(image()), 256_MiB);
  EXPECT_FALSE(fs::exists(image().string() + ".new"));
}

TEST_F(OpenVolume, the_image_is_preallocated_and_stays_so_while_files_come_and_go) {
  open();
  EXPECT_GE(allocated(image()), 256_MiB);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(volume_->create_directory("a"));
    write_text(path("a/file"), std::string(16_MiB, 'x'));
    ASSERT_TRUE(volume_->make_durable("a"));
    ASSERT_TRUE(volume_->remove("a"));
    ::sync();
  }
  EXPECT_GE(allocated(image()), 256_MiB);
  const auto findings = volume_->check();
  ASSERT_TRUE(findings);
  EXPECT_TRUE(findings->empty()) << findings->front();
}

// The controls of the test above: the same image, made or mounted the usual way, loses its blocks.
TEST_F(OpenVolume, a_default_mkfs_punches_the_image_out) {
  run_program({"/usr/bin/fallocate", "-l", "256M", image().string()});
  ASSERT_GE(allocated(image()), 256_MiB);
  const auto device = os::attach_loop(image());
  ASSERT_TRUE(device);
  run_program({"/usr/sbin/mkfs.btrfs", "-q", device->path.string()});
  EXPECT_LT(allocated(image()), 32_MiB);
}

TEST_F(OpenVolume, a_mount_with_discard_punches_the_image_out) {
  make_disk(image(), "btrfs", "256M");
  const MountedImage mounted(image(), options_.data_dir / "volume", "btrfs", "discard=sync");
  write_text(mounted.path() / "file", std::string(16_MiB, 'x'));
  ::sync();
  ASSERT_TRUE(fs::remove(mounted.path() / "file"));
  ::sync();
  EXPECT_LT(allocated(image()), 256_MiB);
}

TEST_F(OpenVolume, check_sees_an_image_with_holes) {
  open();
  const auto fd = os::open_file(image(), O_RDWR);
  ASSERT_TRUE(fd);
  ASSERT_EQ(::fallocate(fd->get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 200 << 20, 1 << 20),
            0);
  const auto findings = volume_->check();
  ASSERT_TRUE(findings);
  ASSERT_EQ(findings->size(), 1U);
  EXPECT_NE(findings->front().find("not fully allocated"), std::string::npos);
}

TEST_F(OpenVolume, the_loop_device_goes_past_the_page_cache_and_goes_away_on_close) {
  open();
  {
    const auto device = os::find_loop(image());
    ASSERT_TRUE(device && *device);
    EXPECT_TRUE((*device)->direct_io);
  }
  ASSERT_TRUE(volume_->close());
  const auto device = os::find_loop(image());
  ASSERT_TRUE(device);
  EXPECT_FALSE(*device);
  const auto mounted = os::mounted_at(options_.data_dir / "volume");
  ASSERT_TRUE(mounted);
  EXPECT_FALSE(*mounted);
}

TEST_F(OpenVolume, a_volume_in_use_is_not_closed_and_stays_usable) {
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  {
    const auto in_use = os::open_file(path("a"), O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(in_use);
    const auto closed = volume_->close();
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, ErrorCode::conflict);
    EXPECT_TRUE(volume_->clone("a", "b"));
  }
  EXPECT_TRUE(volume_->close());
}

TEST_F(OpenVolume, a_mount_that_a_killed_agent_left_is_used_as_it_is) {
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), "kept");
  const auto before = os::mounted_file_systems();
  volume_.reset();  // as after kill -9: nothing is closed
  open();
  EXPECT_EQ(read_text(path("a/file")), "kept");
  const auto after = os::mounted_file_systems();
  ASSERT_TRUE(before && after);
  EXPECT_EQ(before->size(), after->size());
}

TEST_F(OpenVolume, an_attached_image_that_is_not_mounted_gets_no_second_device) {
  open();
  ASSERT_TRUE(volume_->close());
  const auto attached = os::attach_loop(image());
  ASSERT_TRUE(attached);
  open();
  const auto mounted = os::mounted_at(options_.data_dir / "volume");
  ASSERT_TRUE(mounted && *mounted);
  EXPECT_EQ((*mounted)->source, attached->path.string());
}

TEST_F(OpenVolume, something_else_on_the_mount_point_is_left_alone) {
  open();
  ASSERT_TRUE(volume_->close());
  volume_.reset();
  const os::Path point = options_.data_dir / "volume";
  ASSERT_TRUE(os::mount_file_system({"tmpfs", point, "tmpfs", 0, "size=1m"}));
  EXPECT_EQ(code_of_open(), ErrorCode::data_folder_unusable);
  const auto mounted = os::mounted_at(point);
  ASSERT_TRUE(mounted && *mounted);
  EXPECT_EQ((*mounted)->type, "tmpfs");
}

TEST_F(OpenVolume, a_half_made_image_is_made_again) {
  run_program({"/usr/bin/fallocate", "-l", "256M", image().string() + ".new"});
  open();
  EXPECT_EQ(volume_->driver(), "btrfs");
  EXPECT_FALSE(fs::exists(image().string() + ".new"));
}

TEST_F(OpenVolume, a_finished_image_without_its_record_is_used) {
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  ASSERT_TRUE(volume_->close());
  ASSERT_TRUE(fs::remove(options_.data_dir / "volume.json"));
  open();
  EXPECT_TRUE(fs::is_directory(path("a")));
}

TEST_F(OpenVolume, a_folder_keeps_its_driver) {
  options_.driver = Driver::copy;
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  options_.driver = Driver::btrfs;
  volume_.reset();
  EXPECT_EQ(code_of_open(), ErrorCode::config_invalid);
  options_.driver = Driver::automatic;
  open();
  EXPECT_EQ(volume_->driver(), "copy");
  EXPECT_TRUE(fs::is_directory(path("a")));
}

TEST_F(OpenVolume, the_documented_record_is_read_and_one_like_it_is_written) {
  const std::string example = format_page_examples("volume-record").at(0);
  write_text(options_.data_dir / "volume.json", example);
  open();
  EXPECT_EQ(volume_->driver(), "copy");
  EXPECT_EQ(volume_->degraded(), parse_json(example)->at("degraded").as_string());
  volume_.reset();
  options_.data_dir = folder_.path() / "other";
  fs::create_directory(options_.data_dir);
  options_.driver = Driver::copy;
  open();
  const auto written = parse_json(os::read_file(options_.data_dir / "volume.json").value());
  const auto names = [](const json::value& record) {
    std::vector<std::string> all;
    for (const auto& field : record.as_object()) all.emplace_back(field.key());
    return all;
  };
  EXPECT_EQ(names(*written), names(*parse_json(example)));
}

TEST_F(OpenVolume, a_damaged_record_is_said_and_nothing_is_made_over_the_data) {
  open();
  ASSERT_TRUE(volume_->close());
  volume_.reset();
  for (const char* text :
       {"", "{", "[]", "{\"format\":2,\"driver\":\"btrfs\"}", "{\"format\":1,\"driver\":\"zfs\"}",
        "{\"format\":1,\"driver\":\"auto\"}", "{\"driver\":\"copy\"}"}) {
    write_text(options_.data_dir / "volume.json", text);
    EXPECT_EQ(code_of_open(), ErrorCode::data_folder_unusable) << text;
  }
}

TEST_F(OpenVolume, too_little_room_falls_back_to_copies_and_says_so_at_each_start) {
  const os::Path point = folder_.path() / "small";
  fs::create_directory(point);
  ASSERT_TRUE(os::mount_file_system({"tmpfs", point, "tmpfs", 0, "size=64m"}));
  options_ = {point, Driver::automatic, 0};
  open();
  EXPECT_EQ(volume_->driver(), "copy");
  EXPECT_FALSE(volume_->clones_live_directories());
  EXPECT_NE(volume_->degraded().find("no room"), std::string::npos) << volume_->degraded();
  const std::string said = volume_->degraded();
  volume_.reset();
  open();
  EXPECT_EQ(volume_->degraded(), said);
  volume_.reset();
  EXPECT_TRUE(os::unmount(point));
}

TEST_F(OpenVolume, a_size_that_was_asked_for_is_taken_or_refused_but_not_changed) {
  options_.image_size_bytes = 256_MiB - 1;
  EXPECT_EQ(code_of_open(), ErrorCode::config_invalid);
  options_.image_size_bytes = 1ULL << 60;
  EXPECT_EQ(code_of_open(), ErrorCode::volume_full);
  EXPECT_FALSE(fs::exists(image()));
}

TEST_F(OpenVolume, btrfs_that_cannot_be_had_is_refused_when_it_was_asked_for) {
  const os::Path point = folder_.path() / "small";
  fs::create_directory(point);
  ASSERT_TRUE(os::mount_file_system({"tmpfs", point, "tmpfs", 0, "size=64m"}));
  options_ = {point, Driver::btrfs, 0};
  EXPECT_EQ(code_of_open(), ErrorCode::unsupported);
  EXPECT_TRUE(os::unmount(point));
}

// Runs as another user until the end of the scope.
class AsNobody {
 public:
  AsNobody() : done_(::setegid(65534) == 0 && ::seteuid(65534) == 0) {}
  ~AsNobody() { done_ = ::seteuid(0) == 0 && ::setegid(0) == 0; }
  bool done() const { return done_; }

 private:
  bool done_;
};

TEST_F(OpenVolume, without_root_an_ordinary_disk_gets_copies) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chown(options_.data_dir.c_str(), 65534, 65534), 0);
  const AsNobody nobody;
  ASSERT_TRUE(nobody.done());
  open();
  EXPECT_EQ(volume_->driver(), "copy");
  EXPECT_NE(volume_->degraded().find("root"), std::string::npos) << volume_->degraded();
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), "text");
  ASSERT_TRUE(volume_->clone("a", "b"));
  EXPECT_EQ(read_text(path("b/file")), "text");
}

TEST_F(OpenVolume, without_root_the_image_of_root_is_refused) {
  open();
  ASSERT_TRUE(volume_->close());
  volume_.reset();
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const AsNobody nobody;
  EXPECT_EQ(code_of_open(), ErrorCode::data_folder_unusable);
}

class OnDisk : public OpenVolume {
 protected:
  // A disk that holds the data folder from now on.
  void use_disk(const std::string& type) {
    make_disk(folder_.path() / "disk.img", type, "300M");
    disk_ =
        std::make_unique<MountedImage>(folder_.path() / "disk.img", folder_.path() / "mnt", type);
    ASSERT_FALSE(HasFailure());  // never on the host's own disk
    options_ = {disk_->path() / "data", Driver::automatic, 0};
    fs::create_directory(options_.data_dir);
  }
  void TearDown() override {
    volume_.reset();
    options_.data_dir.clear();
    OpenVolume::TearDown();
  }
  // To an ordinary disk; "a/file" in it says "kept".
  void move_folder_with_a_file() {
    open();
    ASSERT_TRUE(volume_->create_directory("a"));
    write_text(path("a/file"), "kept");
    ASSERT_TRUE(volume_->close());
    volume_.reset();
    const os::Path moved = folder_.path() / "moved";
    run_program({"/usr/bin/cp", "-a", options_.data_dir.string(), moved.string()});
    options_.data_dir = moved;
    open();
  }
  std::unique_ptr<MountedImage> disk_;
};

class HostBtrfs : public OnDisk {
 protected:
  void SetUp() override {
    OnDisk::SetUp();
    if (!IsSkipped()) use_disk("btrfs");
  }
};

class HostXfs : public OnDisk {
 protected:
  void SetUp() override {
    OnDisk::SetUp();
    if (!IsSkipped()) use_disk("xfs");
  }
};

TEST_F(HostXfs, gets_reflinks_and_no_image) {
  open();
  EXPECT_EQ(volume_->driver(), "reflink");
  EXPECT_FALSE(volume_->clones_live_directories());
  EXPECT_FALSE(fs::exists(image()));
  EXPECT_EQ(volume_->degraded(), "");
}

TEST_F(HostXfs, gets_reflinks_without_root_too) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chown(options_.data_dir.c_str(), 65534, 65534), 0);
  const AsNobody nobody;
  ASSERT_TRUE(nobody.done());
  open();
  EXPECT_EQ(volume_->driver(), "reflink");
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), "text");
  ASSERT_TRUE(volume_->clone("a", "b"));
  EXPECT_EQ(read_text(path("b/file")), "text");
}

TEST_F(HostXfs, a_clone_takes_no_blocks_of_its_own) {
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), std::string(32_MiB, 'x'));
  ASSERT_TRUE(volume_->make_durable("a"));
  const auto before = volume_->space();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(volume_->clone("a", "b" + std::to_string(i)));
  const auto after = volume_->space();
  ASSERT_TRUE(before && after);
  EXPECT_LT(before->free_bytes - after->free_bytes, 8_MiB);
}

// The rule of choice: a size can be kept by an image only.
TEST_F(HostXfs, a_size_that_was_asked_for_makes_an_image) {
  options_.image_size_bytes = 256_MiB;
  auto volume = open_volume(options_);
  ASSERT_FALSE(volume);  // 300 MB of XFS have no room for it, and that is said
  EXPECT_EQ(volume.error().code, ErrorCode::volume_full) << volume.error().to_log();
}

TEST_F(HostXfs, a_folder_that_moves_to_a_disk_without_reflinks_goes_on_with_copies) {
  move_folder_with_a_file();
  if (volume_->driver() == "reflink") GTEST_SKIP() << "/tmp has reflinks";
  EXPECT_EQ(volume_->driver(), "copy");
  EXPECT_NE(volume_->degraded().find("moved"), std::string::npos) << volume_->degraded();
  ASSERT_TRUE(volume_->clone("a", "b"));
  EXPECT_EQ(read_text(path("b/file")), "kept");
}

TEST_F(OnDisk, reflinks_are_refused_in_words_where_they_were_asked_for_and_cannot_be_had) {
  use_disk("ext4");
  options_.driver = Driver::reflink;
  const auto volume = open_volume(options_);
  ASSERT_FALSE(volume);
  EXPECT_EQ(volume.error().code, ErrorCode::unsupported);
  EXPECT_NE(volume.error().message.find("cannot share"), std::string::npos);
}

TEST_F(HostBtrfs, a_folder_that_moves_to_an_ordinary_disk_goes_on_with_copies) {
  move_folder_with_a_file();
  EXPECT_NE(volume_->driver(), "btrfs");
  ASSERT_TRUE(volume_->clone("a", "b"));
  EXPECT_EQ(read_text(path("b/file")), "kept");
}

TEST_F(HostBtrfs, is_used_directly_without_an_image) {
  open();
  EXPECT_EQ(volume_->driver(), "btrfs");
  EXPECT_FALSE(fs::exists(image()));
  EXPECT_EQ(volume_->degraded(), "");
}

TEST_F(HostBtrfs, works_without_root) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  ASSERT_EQ(::chown(options_.data_dir.c_str(), 65534, 65534), 0);
  const AsNobody nobody;
  ASSERT_TRUE(nobody.done());
  open();
  EXPECT_EQ(volume_->driver(), "btrfs") << volume_->degraded();
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), "text");
  ASSERT_TRUE(volume_->clone("a", "b"));
  ASSERT_TRUE(volume_->remove("a"));
  EXPECT_EQ(read_text(path("b/file")), "text");
  ASSERT_TRUE(volume_->remove("b"));
  EXPECT_FALSE(fs::exists(path("b")));
}

// An instance's OS user can make subvolumes in its own directory, and set them read-only.
void make_subvolume(const os::Path& parent, const char* name) {
  const auto fd = os::open_file(parent, O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(fd);
  btrfs_ioctl_vol_args_v2 arguments{};
  std::strncpy(arguments.name, name, sizeof arguments.name - 1);
  ASSERT_EQ(::ioctl(fd->get(), BTRFS_IOC_SUBVOL_CREATE_V2, &arguments), 0);
}

void make_read_only(const os::Path& subvolume) {
  const auto fd = os::open_file(subvolume, O_RDONLY | O_DIRECTORY);
  ASSERT_TRUE(fd);
  __u64 flags = BTRFS_SUBVOL_RDONLY;
  ASSERT_EQ(::ioctl(fd->get(), BTRFS_IOC_SUBVOL_SETFLAGS, &flags), 0);
}

TEST_F(OpenVolume, subvolumes_that_a_tenant_hid_in_its_directory_are_removed_with_it) {
  open();
  ASSERT_TRUE(volume_->create_directory("instances/a/data"));
  fs::create_directory(path("instances/a/data/base"));
  make_subvolume(path("instances/a/data/base"), "hidden");
  make_subvolume(path("instances/a/data/base/hidden"), "deeper");
  write_text(path("instances/a/data/base/hidden/deeper/file"), "x");
  make_read_only(path("instances/a/data/base/hidden/deeper"));
  make_read_only(path("instances/a/data/base/hidden"));
  make_read_only(path("instances/a/data"));
  const auto removed = volume_->remove("instances/a");
  EXPECT_TRUE(removed) << removed.error().to_log();
  EXPECT_FALSE(fs::exists(path("instances/a")));
  EXPECT_TRUE(fs::is_empty(path(".howdah-staging")));
}

TEST_F(OpenVolume, a_clone_of_a_directory_that_was_set_read_only_can_be_written) {
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  make_read_only(path("a"));
  ASSERT_TRUE(volume_->clone("a", "b"));
  write_text(path("b/file"), "text");
}

TEST_F(OpenVolume, a_plain_directory_of_the_btrfs_volume_cannot_be_cloned) {
  open();
  ASSERT_TRUE(volume_->create_directory("instances/a/data"));
  const auto cloned = volume_->clone("instances/a", "b");
  ASSERT_FALSE(cloned);
  EXPECT_EQ(cloned.error().code, ErrorCode::unprocessable);
}

TEST_F(OpenVolume, a_clone_is_charged_with_what_it_wrote_itself_only) {
  open();
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), std::string(16_MiB, 'x'));
  ASSERT_TRUE(volume_->make_durable("a"));
  ASSERT_TRUE(volume_->clone("a", "b"));
  write_text(path("b/own"), std::string(2_MiB, 'y'));
  ::sync();  // btrfs counts at its commit
  const auto usage = volume_->usage("b");
  ASSERT_TRUE(usage);
  if (*usage >= 16_MiB) GTEST_SKIP() << "this kernel has no btrfs simple quotas (6.7)";
  EXPECT_GE(*usage, 2_MiB);
  EXPECT_LT(*usage, 4_MiB);
}

}  // namespace
}  // namespace howdah::volume
