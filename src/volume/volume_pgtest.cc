// SPDX-License-Identifier: Apache-2.0
// The conformance suite: what every driver promises (volume.h), on each of them. What only one
// driver does is in open_volume_pgtest.cc.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "volume/detail/scratch_disk.h"
#include "volume/volume.h"

namespace howdah::volume {
namespace {

namespace fs = std::filesystem;

// How the volume lies on its disk: an image on ext4, or directories on a disk of a type.
enum class Kind { btrfs_image, btrfs_host, reflink, copy };

struct Disk {
  Driver driver;
  const char* name;  // of the kind
  const char* type;
  const char* size;  // small, since a test fills it; mkfs.xfs wants 300 MiB
};
Disk disk_of(Kind kind) {
  switch (kind) {
    case Kind::btrfs_image:
      return {Driver::btrfs, "btrfs_image", "", ""};
    case Kind::btrfs_host:
      return {Driver::btrfs, "btrfs_host", "btrfs", "256M"};
    case Kind::reflink:
      return {Driver::reflink, "reflink", "xfs", "300M"};
    case Kind::copy:
      return {Driver::copy, "copy", "ext4", "64M"};
  }
  return {};
}

class VolumeConformance : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it mounts disks of its own";
    if (GetParam() == Kind::btrfs_image) {
      options_ = {folder_.path() / "data", Driver::btrfs, 256_MiB};
      fs::create_directory(options_.data_dir);
    } else {
      const Disk made = disk_of(GetParam());
      make_disk(disk(), made.type, made.size);
      mounted_ = std::make_unique<MountedImage>(disk(), folder_.path() / "mnt", made.type);
      options_ = {mounted_->path() / "data", made.driver, 0};
      ASSERT_FALSE(HasFailure());  // never on the host's own disk
      fs::create_directory(options_.data_dir);
      ::sync();  // as old as any data folder: only what the test does is at stake
    }
    open();
  }
  void TearDown() override {
    if (volume_) EXPECT_TRUE(volume_->close());
    if (!options_.data_dir.empty()) (void)os::unmount(options_.data_dir / "volume");
  }

  void open() {
    auto volume = open_volume(options_);
    ASSERT_TRUE(volume) << volume.error().to_log();
    volume_ = *std::move(volume);
  }
  void reopen() {
    ASSERT_TRUE(volume_->close());
    volume_.reset();
    open();
  }

  os::Path disk() const { return folder_.path() / "disk.img"; }
  os::Path path(const std::string& relative) const { return volume_->root() / relative; }

  // A source with a file, a directory below and a link: "instances/a/data".
  void make_source() {
    ASSERT_TRUE(volume_->create_directory("instances/a/data"));
    write_text(path("instances/a/data/one"), "first");
    fs::create_directory(path("instances/a/data/base"));
    write_text(path("instances/a/data/base/two"), "second");
    fs::create_symlink("base/two", path("instances/a/data/link"));
    ASSERT_TRUE(volume_->make_durable("instances/a/data"));
  }

  // Cuts the power of the disk below the volume and opens what is left of the data folder, from a
  // copy of that disk. Ends the volume under test.
  void restart_after_power_cut() {
    const bool image = GetParam() == Kind::btrfs_image;
    const os::Path copy = folder_.path() / (image ? "cut/volume.img" : "cut.img");
    fs::create_directory(folder_.path() / "cut");
    cut_power(image ? options_.data_dir / "volume.img" : disk(), copy);
    // Only now: closing writes everything out.
    ASSERT_TRUE(volume_->close());
    volume_.reset();
    mounted_.reset();
    options_.data_dir = folder_.path() / "cut";
    if (!image) {
      mounted_ =
          std::make_unique<MountedImage>(copy, folder_.path() / "mnt", disk_of(GetParam()).type);
      options_.data_dir = mounted_->path() / "data";
    }
    open();
  }

  ScratchFolder folder_;
  std::unique_ptr<MountedImage> mounted_;
  VolumeOptions options_;
  std::unique_ptr<Volume> volume_;
};

INSTANTIATE_TEST_SUITE_P(, VolumeConformance,
                         testing::Values(Kind::btrfs_image, Kind::btrfs_host, Kind::reflink,
                                         Kind::copy),
                         [](const auto& kind) { return std::string(disk_of(kind.param).name); });

TEST_P(VolumeConformance, a_new_directory_is_empty_and_private_and_its_parents_can_be_passed) {
  ASSERT_TRUE(volume_->create_directory("instances/a/data"));
  EXPECT_TRUE(fs::is_empty(path("instances/a/data")));
  struct stat info{};
  ASSERT_EQ(::stat(path("instances/a/data").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700U);
  ASSERT_EQ(::stat(path("instances/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0711U);
  ASSERT_EQ(::stat(volume_->root().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0711U);
}

TEST_P(VolumeConformance, a_clone_has_content_modes_owners_and_links_of_its_source) {
  make_source();
  ASSERT_EQ(::chown(path("instances/a/data").c_str(), 12345, 54321), 0);
  ASSERT_EQ(::chown(path("instances/a/data/base/two").c_str(), 12345, 54321), 0);
  ASSERT_EQ(::chmod(path("instances/a/data/base/two").c_str(), 0604), 0);
  ASSERT_EQ(::chmod(path("instances/a/data").c_str(), 0750), 0);
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));

  EXPECT_EQ(read_text(path("instances/b/data/one")), "first");
  EXPECT_EQ(read_text(path("instances/b/data/base/two")), "second");
  EXPECT_EQ(fs::read_symlink(path("instances/b/data/link")), "base/two");
  struct stat info{};
  ASSERT_EQ(::stat(path("instances/b/data").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0750U);
  EXPECT_EQ(info.st_uid, 12345U);
  ASSERT_EQ(::stat(path("instances/b/data/base/two").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0604U);
  EXPECT_EQ(info.st_uid, 12345U);
  EXPECT_EQ(info.st_gid, 54321U);
}

TEST_P(VolumeConformance, a_clone_and_its_source_do_not_see_each_others_writes) {
  make_source();
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  write_text(path("instances/a/data/one"), "changed in the source");
  write_text(path("instances/b/data/base/two"), "changed in the clone");
  write_text(path("instances/b/data/new"), "only in the clone");
  EXPECT_EQ(read_text(path("instances/b/data/one")), "first");
  EXPECT_EQ(read_text(path("instances/a/data/base/two")), "second");
  EXPECT_FALSE(fs::exists(path("instances/a/data/new")));
}

TEST_P(VolumeConformance, a_clone_of_a_clone_outlives_both) {
  make_source();
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  write_text(path("instances/b/data/one"), "in b");
  ASSERT_TRUE(volume_->clone("instances/b/data", "instances/c/data"));
  ASSERT_TRUE(volume_->remove("instances/a/data"));
  ASSERT_TRUE(volume_->remove("instances/b"));
  EXPECT_EQ(read_text(path("instances/c/data/one")), "in b");
  EXPECT_EQ(read_text(path("instances/c/data/base/two")), "second");
}

TEST_P(VolumeConformance, removing_takes_everything_and_twice_is_no_error) {
  make_source();
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/a/second"));
  write_text(path("instances/a/instance.json"), "{}");
  ASSERT_TRUE(volume_->remove("instances/a"));
  EXPECT_FALSE(fs::exists(path("instances/a")));
  EXPECT_TRUE(fs::is_empty(path(".howdah-staging")));
  EXPECT_TRUE(volume_->remove("instances/a"));
  EXPECT_TRUE(volume_->remove("never/was/there"));
}

TEST_P(VolumeConformance, a_single_file_can_be_removed) {
  make_source();
  ASSERT_TRUE(volume_->remove("instances/a/data/one"));
  EXPECT_FALSE(fs::exists(path("instances/a/data/one")));
  EXPECT_TRUE(fs::exists(path("instances/a/data/base/two")));
}

TEST_P(VolumeConformance, what_exists_is_never_replaced) {
  make_source();
  ASSERT_TRUE(volume_->create_directory("instances/b/data"));
  for (const char* taken : {"instances/b/data", "instances/a/data"}) {
    const auto cloned = volume_->clone("instances/a/data", taken);
    ASSERT_FALSE(cloned);
    EXPECT_EQ(cloned.error().code, ErrorCode::conflict) << cloned.error().to_log();
    const auto created = volume_->create_directory(taken);
    ASSERT_FALSE(created);
    EXPECT_EQ(created.error().code, ErrorCode::conflict) << created.error().to_log();
  }
  EXPECT_EQ(read_text(path("instances/a/data/one")), "first");
}

TEST_P(VolumeConformance, a_missing_source_leaves_no_destination) {
  const auto cloned = volume_->clone("instances/a/data", "instances/b/data");
  ASSERT_FALSE(cloned);
  EXPECT_EQ(cloned.error().code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(path("instances/b/data")));
  EXPECT_TRUE(fs::is_empty(path(".howdah-staging")));
}

TEST_P(VolumeConformance, hostile_paths_are_refused_by_every_call) {
  make_source();
  write_text(options_.data_dir / "secret", "keep");
  for (const char* path : {"", "/etc", "..", "../secret", "instances/../../secret", "a//b",
                           ".howdah-staging", "instances/a/data\n"}) {
    EXPECT_EQ(volume_->create_directory(path).error().code, ErrorCode::invalid_request) << path;
    EXPECT_EQ(volume_->clone(path, "x").error().code, ErrorCode::invalid_request) << path;
    EXPECT_EQ(volume_->clone("instances/a/data", path).error().code, ErrorCode::invalid_request);
    EXPECT_EQ(volume_->remove(path).error().code, ErrorCode::invalid_request) << path;
    EXPECT_EQ(volume_->make_durable(path).error().code, ErrorCode::invalid_request) << path;
    EXPECT_EQ(volume_->usage(path).error().code, ErrorCode::invalid_request) << path;
  }
  EXPECT_EQ(read_text(options_.data_dir / "secret"), "keep");
}

TEST_P(VolumeConformance, a_link_on_the_way_is_never_followed) {
  make_source();
  const os::Path outside = options_.data_dir / "outside";
  fs::create_directory(outside);
  write_text(outside / "secret", "keep");
  fs::create_directory_symlink(outside, path("instances/a/data/door"));
  fs::create_directory_symlink(outside, path("instances/evil"));

  EXPECT_FALSE(volume_->create_directory("instances/evil/data"));
  EXPECT_FALSE(volume_->clone("instances/a/data", "instances/evil/data"));
  EXPECT_FALSE(volume_->clone("instances/evil", "instances/b/data"));
  EXPECT_FALSE(volume_->remove("instances/evil/secret"));
  EXPECT_FALSE(volume_->make_durable("instances/evil"));
  EXPECT_FALSE(volume_->usage("instances/evil"));
  // A tree that holds a link is copied and deleted with the link, not with what it points to.
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  EXPECT_TRUE(fs::is_symlink(path("instances/b/data/door")));
  ASSERT_TRUE(volume_->remove("instances/b"));
  ASSERT_TRUE(volume_->remove("instances/evil"));
  ASSERT_TRUE(volume_->remove("instances/a"));
  EXPECT_EQ(read_text(outside / "secret"), "keep");
}

TEST_P(VolumeConformance, pipes_and_sockets_in_a_data_directory_hold_nothing_up) {
  make_source();
  ASSERT_EQ(::mkfifo(path("instances/a/data/pipe").c_str(), 0600), 0);
  EXPECT_TRUE(volume_->make_durable("instances/a/data"));
  EXPECT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  EXPECT_TRUE(volume_->remove("instances/a"));
}

TEST_P(VolumeConformance, a_tree_deeper_than_there_are_descriptors_is_removed) {
  ASSERT_TRUE(volume_->create_directory("deep"));
  {
    // Paths end at 4,096 bytes: built from descriptor to descriptor, as a tenant would.
    auto here = os::open_file(path("deep"), O_RDONLY | O_DIRECTORY);
    ASSERT_TRUE(here);
    for (int level = 0; level < 3000; ++level) {
      ASSERT_EQ(::mkdirat(here->get(), "d", 0700), 0);
      os::UniqueFd next(::openat(here->get(), "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      ASSERT_TRUE(next);
      *here = std::move(next);
    }
  }
  EXPECT_TRUE(volume_->remove("deep"));
  EXPECT_FALSE(fs::exists(path("deep")));
}

TEST_P(VolumeConformance, usage_counts_what_a_directory_wrote_itself) {
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), std::string(4_MiB, 'x'));
  ASSERT_TRUE(volume_->make_durable("a"));
  ::sync();  // btrfs counts at its commit
  const auto usage = volume_->usage("a");
  ASSERT_TRUE(usage) << usage.error().to_log();
  EXPECT_GE(*usage, 4_MiB);
  EXPECT_LT(*usage, 5_MiB);
  const auto missing = volume_->usage("b");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
}

TEST_P(VolumeConformance, allocated_bytes_count_a_clone_in_full_and_at_once) {
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), std::string(4_MiB, 'x'));
  ASSERT_TRUE(volume_->make_durable("a"));
  ASSERT_TRUE(volume_->clone("a", "b"));
  const auto clone = volume_->allocated("b");
  ASSERT_TRUE(clone) << clone.error().to_log();
  EXPECT_GE(*clone, 4_MiB);
  write_text(path("b/more"), std::string(2_MiB, 'x'));
  ASSERT_TRUE(volume_->make_durable("b"));
  const auto grown = volume_->allocated("b");
  ASSERT_TRUE(grown);
  EXPECT_GE(*grown, 6_MiB);
  EXPECT_LT(*grown, 7_MiB);
  EXPECT_EQ(volume_->allocated("c").error().code, ErrorCode::not_found);
}

TEST_P(VolumeConformance, a_bound_holds_where_there_are_any_and_is_taken_away_again) {
  ASSERT_TRUE(volume_->create_directory("a"));
  const auto bounded = volume_->limit_own_bytes("a", 8_MiB);
  ASSERT_TRUE(bounded) << bounded.error().to_log();
  if (!*bounded) GTEST_SKIP() << "this driver or kernel has no bounds";
  const auto fd = os::open_file(path("a/file"), O_WRONLY | O_CREAT);
  const std::string block(1_MiB, 'x');
  const auto write = [&] {
    auto size = ::write(fd->get(), block.data(), block.size());
    // A part fitted: the rest tells why no more did.
    if (size > 0 && size < static_cast<ssize_t>(block.size())) {
      size = ::write(fd->get(), block.data(), 1) == 1 ? size + 1 : -1;
    }
    return size == static_cast<ssize_t>(block.size()) && ::fdatasync(fd->get()) == 0;
  };
  int written = 0;
  while (written < 32 && write()) ++written;
  EXPECT_GE(written, 6);
  EXPECT_LE(written, 8);
  EXPECT_EQ(errno, EDQUOT);
  ASSERT_TRUE(volume_->create_directory("neighbour"));
  write_text(path("neighbour/file"), std::string(16_MiB, 'x'));
  EXPECT_TRUE(volume_->make_durable("neighbour")) << "nobody else is held back";
  ASSERT_TRUE(volume_->limit_own_bytes("a", 0));
  EXPECT_TRUE(write());
}

TEST_P(VolumeConformance, space_is_told_and_shrinks) {
  const auto before = volume_->space();
  ASSERT_TRUE(before);
  EXPECT_GT(before->size_bytes, before->free_bytes);
  ASSERT_TRUE(volume_->create_directory("a"));
  write_text(path("a/file"), std::string(8_MiB, 'x'));
  ::sync();  // btrfs counts at its commit
  const auto after = volume_->space();
  ASSERT_TRUE(after);
  EXPECT_LT(after->free_bytes, before->free_bytes);
}

// Writes until nothing more fits, with large and with small files: btrfs keeps those in its trees.
void fill(const os::Path& folder) {
  for (const std::size_t size : {1_MiB, 2_KiB}) {
    const std::string content(size, 'x');
    // More than any disk of these tests holds.
    for (int i = 0; i < (size == 1_MiB ? 512 : 500'000); ++i) {
      const auto name = folder / (std::to_string(size) + "-" + std::to_string(i));
      const auto fd = os::open_file(name, O_WRONLY | O_CREAT);
      if (!fd || ::write(fd->get(), content.data(), content.size()) < 0) break;
      if (size == 1_MiB && ::fdatasync(fd->get()) != 0) break;
    }
  }
}

TEST_P(VolumeConformance, a_full_volume_is_said_and_heals_when_there_is_room) {
  make_source();
  ASSERT_TRUE(volume_->create_directory("hog"));
  fill(path("hog"));
  Result<void> cloned;
  int clones = 0;
  // A snapshot takes next to nothing: a few may still find their place.
  for (; cloned && clones < 5000; ++clones) {
    cloned = volume_->clone("instances/a/data", "clones/" + std::to_string(clones));
  }
  ASSERT_FALSE(cloned);
  EXPECT_EQ(cloned.error().code, ErrorCode::volume_full) << cloned.error().to_log();
  EXPECT_FALSE(fs::exists(path("clones/" + std::to_string(clones - 1))));
  EXPECT_TRUE(fs::is_empty(path(".howdah-staging")));

  const auto removed = volume_->remove("hog");
  ASSERT_TRUE(removed) << removed.error().to_log();
  // btrfs gives the space back in the background, with its next commits.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  auto again = volume_->clone("instances/a/data", "instances/b/data");
  while (!again && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    again = volume_->clone("instances/a/data", "instances/b/data");
  }
  EXPECT_TRUE(again) << again.error().to_log();
}

TEST_P(VolumeConformance, everything_is_there_after_close_and_open) {
  make_source();
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  reopen();
  EXPECT_EQ(read_text(path("instances/a/data/one")), "first");
  EXPECT_EQ(read_text(path("instances/b/data/base/two")), "second");
}

TEST_P(VolumeConformance, leftovers_of_a_crash_are_gone_after_the_next_open) {
  make_source();
  ASSERT_TRUE(volume_->create_directory("half-made"));
  write_text(path("half-made/file"), "half");
  fs::rename(path("half-made"), path(".howdah-staging/77-0"));
  fs::create_directories(path(".howdah-staging/77-1/base"));
  write_text(path(".howdah-staging/77-1/base/file"), "half");
  reopen();
  EXPECT_TRUE(fs::is_empty(path(".howdah-staging")));
  EXPECT_EQ(read_text(path("instances/a/data/one")), "first");
}

TEST_P(VolumeConformance, a_clone_survives_a_power_cut_right_after_it) {
  make_source();
  // Not synced by anybody: only the clone's own durability can bring it over.
  write_text(path("instances/a/data/base/two"), "just written");
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  // The control: a plain copy and a file that nobody synced are lost, so the cut really is one.
  run_program({"/usr/bin/cp", "-a", path("instances/a/data").string(), path("plain").string()});
  write_text(path("instances/b/data/late"), "lost");
  restart_after_power_cut();
  EXPECT_NE(read_text(path("plain/one")), "first");
  EXPECT_EQ(read_text(path("instances/b/data/one")), "first");
  EXPECT_EQ(read_text(path("instances/b/data/base/two")), "just written");
  EXPECT_FALSE(fs::exists(path("instances/b/data/late")));
}

TEST_P(VolumeConformance, a_new_directory_survives_a_power_cut_right_after_it) {
  ASSERT_TRUE(volume_->create_directory("instances/a/data"));
  restart_after_power_cut();
  EXPECT_TRUE(fs::is_directory(path("instances/a/data")));
}

TEST_P(VolumeConformance, what_was_made_durable_survives_a_power_cut) {
  make_source();
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  write_text(path("instances/b/data/base/two"), "kept");
  fs::create_directory(path("instances/b/data/new"));
  write_text(path("instances/b/data/new/file"), "kept too");
  ASSERT_TRUE(volume_->make_durable("instances/b/data"));
  restart_after_power_cut();
  EXPECT_EQ(read_text(path("instances/b/data/base/two")), "kept");
  EXPECT_EQ(read_text(path("instances/b/data/new/file")), "kept too");
}

TEST_P(VolumeConformance, what_was_removed_does_not_come_back_after_a_power_cut) {
  make_source();
  ASSERT_TRUE(volume_->clone("instances/a/data", "instances/b/data"));
  ASSERT_TRUE(volume_->remove("instances/b"));
  restart_after_power_cut();
  EXPECT_FALSE(fs::exists(path("instances/b")));
  EXPECT_EQ(read_text(path("instances/a/data/one")), "first");
  EXPECT_TRUE(fs::is_empty(path(".howdah-staging")));
}

}  // namespace
}  // namespace howdah::volume
