// SPDX-License-Identifier: Apache-2.0
#include "os/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace howdah::os {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  File() {
    std::string name = "/tmp/howdah-os-XXXXXX";
    folder_ = ::mkdtemp(name.data());
  }
  ~File() override { fs::remove_all(folder_); }
  mode_t mode_of(const Path& path) const {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  uid_t owner_of(const Path& path) const {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0 ? info.st_uid : ~0U;
  }
  Path folder_;
};

TEST_F(File, what_was_written_is_read_with_its_mode) {
  const Path file = folder_ / "file";
  ASSERT_TRUE(write_file_atomic(file, "content", 0640));
  EXPECT_EQ(read_file(file), "content");
  EXPECT_EQ(mode_of(file), 0640U);
  ASSERT_TRUE(write_file_atomic(file, "", 0600));
  EXPECT_EQ(read_file(file), "");
  EXPECT_EQ(mode_of(file), 0600U);
  EXPECT_FALSE(fs::exists(file.string() + ".new"));
}

TEST_F(File, a_reader_that_has_it_open_keeps_the_old_content) {
  const Path file = folder_ / "file";
  ASSERT_TRUE(write_file_atomic(file, "old"));
  const auto reader = open_file(file, O_RDONLY);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(write_file_atomic(file, "new"));
  char buffer[8] = {};
  ASSERT_EQ(::read(reader->get(), buffer, sizeof buffer), 3);
  EXPECT_STREQ(buffer, "old");
}

TEST_F(File, a_write_that_fails_leaves_the_old_content) {
  const Path file = folder_ / "file";
  ASSERT_TRUE(write_file_atomic(file, "old"));
  fs::create_directory(file.string() + ".new");  // its temporary name is taken
  EXPECT_FALSE(write_file_atomic(file, "new"));
  EXPECT_EQ(read_file(file), "old");
}

TEST_F(File, reading_has_a_limit) {
  const Path file = folder_ / "file";
  ASSERT_TRUE(write_file_atomic(file, std::string(100, 'x')));
  EXPECT_TRUE(read_file(file, 100));
  const auto over = read_file(file, 99);
  ASSERT_FALSE(over);
  EXPECT_EQ(over.error().code, ErrorCode::too_large);
}

TEST_F(File, a_missing_file_is_not_found) {
  EXPECT_EQ(read_file(folder_ / "none").error().code, ErrorCode::not_found);
  EXPECT_EQ(open_file(folder_ / "none", O_RDONLY).error().code, ErrorCode::not_found);
}

TEST_F(File, no_space_is_volume_full) {
  const auto fd = open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(fd);
  ASSERT_LT(::write(fd->get(), "x", 1), 0);
  EXPECT_EQ(fail_errno("write", errno).error().code, ErrorCode::volume_full);
}

TEST_F(File, a_descriptor_is_closed_once_by_its_last_owner) {
  auto first = open_file("/dev/null", O_RDONLY);
  ASSERT_TRUE(first);
  const int number = first->get();
  UniqueFd second = *std::move(first);
  EXPECT_FALSE(*first);  // NOLINT(bugprone-use-after-move): that is the point
  EXPECT_EQ(second.get(), number);
  EXPECT_EQ(::fcntl(number, F_GETFD), FD_CLOEXEC);
  second = UniqueFd();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST_F(File, making_a_directory_twice_is_fine_and_sets_its_mode) {
  ASSERT_TRUE(make_directory(folder_ / "d", 0700));
  ASSERT_TRUE(make_directory(folder_ / "d", 0711));
  EXPECT_EQ(mode_of(folder_ / "d"), 0711U);
  EXPECT_FALSE(make_directory(folder_ / "a/b", 0700));
}

TEST_F(File, removing_a_tree_leaves_what_its_links_point_to) {
  fs::create_directories(folder_ / "tree/below");
  fs::create_directory(folder_ / "outside");
  ASSERT_TRUE(write_file_atomic(folder_ / "outside/secret", "keep"));
  fs::create_directory_symlink(folder_ / "outside", folder_ / "tree/below/door");
  ASSERT_TRUE(remove_tree(folder_ / "tree"));
  EXPECT_FALSE(fs::exists(folder_ / "tree"));
  EXPECT_EQ(read_file(folder_ / "outside/secret"), "keep");
  EXPECT_TRUE(remove_tree(folder_ / "tree"));
}

TEST_F(File, a_tree_is_removed_while_another_still_makes_and_removes_files_in_it) {
  const Path tree = folder_ / "tree";
  for (int i = 0; i < 400; ++i) {
    fs::create_directories(tree / std::to_string(i % 20));
    std::ofstream(tree / std::to_string(i % 20) / std::to_string(i)) << i;
  }
  std::jthread other([&] {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{200};
    for (int i = 0; std::chrono::steady_clock::now() < end; ++i) {
      std::error_code ignored;
      std::ofstream(tree / std::to_string(i % 20) / "late") << i;
      fs::remove(tree / std::to_string(i % 20) / std::to_string(i % 400), ignored);
    }
  });
  const auto removed = remove_tree(tree);
  EXPECT_TRUE(removed) << removed.error().to_log();
  EXPECT_FALSE(fs::exists(tree));
}

TEST_F(File, changing_the_owner_of_a_tree_never_follows_a_link) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it gives files away";
  fs::create_directories(folder_ / "tree/below");
  ASSERT_TRUE(write_file_atomic(folder_ / "tree/below/file", ""));
  ASSERT_TRUE(write_file_atomic(folder_ / "outside", ""));
  fs::create_symlink(folder_ / "outside", folder_ / "tree/door");
  ASSERT_TRUE(change_owner_tree(folder_ / "tree", 4711, 4712));
  EXPECT_EQ(owner_of(folder_ / "tree"), 4711U);
  EXPECT_EQ(owner_of(folder_ / "tree/below/file"), 4711U);
  EXPECT_EQ(owner_of(folder_ / "tree/door"), 4711U);
  EXPECT_EQ(owner_of(folder_ / "outside"), 0U);
  EXPECT_FALSE(change_owner_tree(folder_ / "none", 1, 1));
}

TEST_F(File, a_lock_is_held_by_one_only_and_freed_by_the_last_copy) {
  const Path file = folder_ / "lock";
  auto mine = try_lock(file);
  ASSERT_TRUE(mine && *mine);
  const auto second = try_lock(file);
  ASSERT_TRUE(second);
  EXPECT_FALSE(*second);

  // As a postmaster inherits it: the copy in another process keeps it.
  const pid_t child = ::fork();
  if (child == 0) {
    ::pause();
    ::_exit(0);
  }
  mine->reset();
  const auto while_child_lives = try_lock(file);
  ASSERT_TRUE(while_child_lives);
  EXPECT_FALSE(*while_child_lives);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto after = try_lock(file);
  ASSERT_TRUE(after);
  EXPECT_TRUE(*after);
}

TEST_F(File, space_of_a_disk_is_told) {
  const auto space = disk_space(folder_);
  ASSERT_TRUE(space);
  EXPECT_GT(space->size_bytes, 0U);
  EXPECT_LE(space->free_bytes, space->size_bytes);
  EXPECT_FALSE(disk_space(folder_ / "none"));
}

}  // namespace
}  // namespace howdah::os
