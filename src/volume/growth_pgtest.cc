// SPDX-License-Identifier: Apache-2.0
// Growth of an image in use, the ballast, and copies that leave the volume. Needs root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "volume/ballast.h"
#include "volume/detail/scratch_disk.h"
#include "volume/volume.h"

namespace howdah::volume {
namespace {

namespace fs = std::filesystem;

class GrowthTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it mounts a volume";
    // A host of its own, with room to give away however full the machine's is. It is sparse.
    const os::Path disk = folder_.path() / "disk";
    run_program({"/usr/bin/truncate", "-s", "24G", disk.string()});
    run_program({"/usr/sbin/mkfs.ext4", "-q", "-F", disk.string()});
    host_ = std::make_unique<MountedImage>(disk, folder_.path() / "mnt", "ext4");
    options_ = {host_->path() / "data", Driver::btrfs, 256_MiB};
    ASSERT_FALSE(HasFailure());
    fs::create_directory(options_.data_dir);
    auto opened = open_volume(options_);
    ASSERT_TRUE(opened) << opened.error().to_log();
    volume_ = std::move(*opened);
  }
  void TearDown() override {
    if (volume_) EXPECT_TRUE(volume_->close());
  }
  os::Path image() const { return options_.data_dir / "volume.img"; }
  ByteCount allocated() const {
    struct stat info{};
    ::stat(image().c_str(), &info);
    return static_cast<ByteCount>(info.st_blocks) * 512;
  }

  // What was written, and no more than this volume's.
  void sync() const {
    const auto fd = os::open_file(volume_->root(), O_RDONLY | O_DIRECTORY);
    EXPECT_TRUE(fd && ::syncfs(fd->get()) == 0);
  }

  ScratchFolder folder_;
  std::unique_ptr<MountedImage> host_;
  VolumeOptions options_;
  std::unique_ptr<Volume> volume_;
};

TEST_F(GrowthTest, an_image_grows_while_it_is_used_and_stays_preallocated) {
  const auto host = os::disk_space(options_.data_dir);
  ASSERT_TRUE(host);
  if (host->free_bytes < host->size_bytes / 5 + 1_GiB) {
    GTEST_SKIP() << "the disk has less free than a growth leaves the host";
  }
  ASSERT_TRUE(volume_->create_directory("one"));
  write_text(volume_->root() / "one/file", "before");
  const ByteCount before = volume_->space()->size_bytes;
  ASSERT_TRUE(volume_->grow(400_MiB)) << "while a directory is there";
  EXPECT_EQ(volume_->space()->size_bytes - before, 144_MiB);
  EXPECT_GE(allocated(), 400_MiB);
  EXPECT_EQ(read_text(volume_->root() / "one/file"), "before");
  EXPECT_TRUE(volume_->check()->empty());
  ASSERT_TRUE(volume_->close());
  volume_ = open_volume(options_).value();
  EXPECT_EQ(volume_->space()->size_bytes - before, 144_MiB);
}

TEST_F(GrowthTest, what_would_not_fit_or_would_shrink_is_refused_and_changes_nothing) {
  const ByteCount before = volume_->space()->size_bytes;
  EXPECT_EQ(volume_->grow(256_MiB).error().code, ErrorCode::invalid_request);
  EXPECT_EQ(volume_->grow(100_MiB).error().code, ErrorCode::invalid_request);
  const auto refused = volume_->grow(100'000'000_GiB);
  EXPECT_EQ(refused.error().code, ErrorCode::volume_full);
  EXPECT_NE(refused.error().hint, "");
  EXPECT_EQ(volume_->space()->size_bytes, before);
  EXPECT_EQ(fs::file_size(image()), 256_MiB);
}

TEST_F(GrowthTest, a_growth_that_a_crash_cut_off_is_finished_at_the_next_open) {
  const ByteCount before = volume_->space()->size_bytes;
  ASSERT_TRUE(volume_->close());
  run_program({"/usr/bin/fallocate", "-l", "320M", image().string()});
  volume_ = open_volume(options_).value();
  EXPECT_EQ(volume_->space()->size_bytes - before, 64_MiB);
}

TEST_F(GrowthTest, what_was_written_and_has_no_place_yet_is_not_room) {
  const ByteCount before = volume_->room()->free_bytes;
  const auto fd = os::open_file(volume_->root() / "dirty", O_WRONLY | O_CREAT);
  const std::string block(1_MiB, 'x');
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(::write(fd->get(), block.data(), block.size()), static_cast<ssize_t>(block.size()));
  }
  EXPECT_LE(volume_->room()->free_bytes + 16_MiB, before);
}

TEST_F(GrowthTest, a_ballast_holds_blocks_and_gives_them_back) {
  Ballast ballast(volume_->root() / ".howdah-ballast");
  EXPECT_EQ(ballast.size(), 0U);
  const ByteCount before = volume_->space()->free_bytes;
  ASSERT_TRUE(ballast.resize(50_MiB));
  EXPECT_EQ(ballast.size(), 50_MiB);
  sync();
  EXPECT_LE(volume_->space()->free_bytes + 48_MiB, before);
  ASSERT_TRUE(ballast.resize(20_MiB));
  EXPECT_EQ(ballast.size(), 20_MiB);
  ASSERT_TRUE(ballast.resize(0));
  sync();
  EXPECT_GE(volume_->space()->free_bytes + 2_MiB, before);
  const auto much = ballast.resize(1_GiB);
  ASSERT_FALSE(much);
  EXPECT_EQ(much.error().code, ErrorCode::volume_full);
}

TEST_F(GrowthTest, a_frozen_directory_is_of_one_moment_and_goes) {
  ASSERT_TRUE(volume_->create_directory("one"));
  write_text(volume_->root() / "one/file", "then");
  const auto frozen = freeze_directory(volume_->root(), "one");
  ASSERT_TRUE(frozen) << frozen.error().to_log();
  write_text(volume_->root() / "one/file", "later");
  const os::Path out = folder_.path() / "out";
  fs::create_directory(out);
  ASSERT_TRUE(copy_out(*frozen, out));
  EXPECT_EQ(read_text(out / "file"), "then");
  ASSERT_TRUE(drop_frozen(*frozen));
  EXPECT_FALSE(fs::exists(*frozen));
  EXPECT_EQ(freeze_directory(volume_->root(), "none").error().code, ErrorCode::not_found);
  fs::create_directory(volume_->root() / "plain");
  EXPECT_EQ(freeze_directory(volume_->root(), "plain").error().code, ErrorCode::unsupported);
}

TEST(BallastSize, is_one_percent_within_bounds) {
  EXPECT_EQ(ballast_size(20_GiB), 204_MiB);
  EXPECT_EQ(ballast_size(1_GiB), 64_MiB);
  EXPECT_EQ(ballast_size(1'000_GiB), 1_GiB);
  EXPECT_EQ(ballast_size(256_MiB), 25_MiB);
}

}  // namespace
}  // namespace howdah::volume
