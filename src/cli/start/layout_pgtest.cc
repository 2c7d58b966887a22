// SPDX-License-Identifier: Apache-2.0
// Data folders that cannot be used, each with an error that says what to do.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <thread>
#include <vector>

#include "cli/start/folder_place.h"
#include "cli/start/layout.h"

namespace howdah::cli {
namespace {

class DataFolder : public ::testing::Test {
 protected:
  DataFolder() {
    char name[] = "/tmp/howdah-layout-XXXXXX";
    root_ = ::mkdtemp(name);
    // The caller's own ids everywhere: no system user is made by this test.
    users_.control_name = users_.gate_name = "nobody";
  }
  ~DataFolder() override {
    (void)os::remove_tree(layout().runtime);
    (void)os::remove_tree(root_);
  }
  Layout layout() const { return layout_of(root_ / "data"); }

  os::Path root_;
  DaemonUsers users_;
};

TEST_F(DataFolder, is_made_at_the_first_start_and_known_at_the_second) {
  {
    const auto first = prepare_folder(layout(), users_);
    ASSERT_TRUE(first) << first.error().message;
    EXPECT_TRUE(first->first_start);
  }
  const auto second = prepare_folder(layout(), users_);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_FALSE(second->first_start);
}

TEST_F(DataFolder, in_use_is_refused) {
  const auto first = prepare_folder(layout(), users_);
  ASSERT_TRUE(first);
  const auto second = prepare_folder(layout(), users_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::already_running);
}

TEST_F(DataFolder, that_was_moved_is_used_where_it_is_now) {
  ASSERT_TRUE(prepare_folder(layout(), users_));
  (void)os::remove_tree(layout().runtime);
  std::filesystem::rename(root_ / "data", root_ / "moved");
  const Layout moved = layout_of(root_ / "moved");
  const auto again = prepare_folder(moved, users_);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_FALSE(again->first_start);
  (void)os::remove_tree(moved.runtime);
}

TEST_F(DataFolder, that_is_a_copy_is_refused_while_the_original_is_there) {
  ASSERT_TRUE(prepare_folder(layout(), users_));
  std::filesystem::copy(root_ / "data", root_ / "copy", std::filesystem::copy_options::recursive);
  const Layout copy = layout_of(root_ / "copy");
  const auto refused = prepare_folder(copy, users_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::data_folder_unusable);
  EXPECT_NE(refused.error().message.find((root_ / "data").string()), std::string::npos);
  EXPECT_NE(refused.error().hint, "");
  (void)os::remove_tree(layout().runtime);
  std::filesystem::rename(root_ / "data", root_ / "aside");
  EXPECT_TRUE(prepare_folder(copy, users_)) << "the original is gone: the copy takes its place";
  (void)os::remove_tree(copy.runtime);
}

TEST_F(DataFolder, that_nobody_uses_leaves_nothing_of_the_machine_taken) {
  {
    const auto used = prepare_folder(layout(), users_);
    ASSERT_TRUE(used);
    const auto refused = release_machine(layout());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::already_running);
  }
  const auto released = release_machine(layout());
  ASSERT_TRUE(released) << released.error().message;
  EXPECT_FALSE(std::filesystem::exists(layout().runtime));
  EXPECT_TRUE(std::filesystem::exists(layout().data / "howdah.json")) << "data are kept";
}

TEST_F(DataFolder, with_foreign_files_is_refused_and_left_alone) {
  ASSERT_TRUE(os::make_directory(layout().data, 0755));
  ASSERT_TRUE(os::write_file_atomic(layout().data / "letter.txt", "dear"));
  const auto result = prepare_folder(layout(), users_);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::data_folder_unusable);
  EXPECT_NE(result.error().message.find("letter.txt"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(layout().data / "secrets"));
}

TEST_F(DataFolder, of_a_newer_howdah_is_refused) {
  ASSERT_TRUE(os::make_directory(layout().data, 0755));
  ASSERT_TRUE(os::write_file_atomic(layout().data / "howdah.json", R"({"format":99})"));
  const auto result = prepare_folder(layout(), users_);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("newer"), std::string::npos) << result.error().message;
}

TEST_F(DataFolder, of_someone_else_is_refused) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_TRUE(prepare_folder(layout(), users_));
  ASSERT_TRUE(os::change_owner(layout().data, 65534, 65534));
  const auto result = prepare_folder(layout(), users_);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("belongs to"), std::string::npos);
}

TEST(DaemonUsersTest, made_by_several_starts_at_once_are_the_same_for_all) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes system users";
  const std::string mark = std::to_string(::getpid());
  const DaemonNames names{"howdah-a" + mark, "howdah-b" + mark};
  constexpr std::size_t kStarts = 6;
  std::array<Result<DaemonUsers>, kStarts> made;
  {
    std::vector<std::jthread> starts;
    for (auto& one : made) starts.emplace_back([&] { one = ensure_daemon_users(names); });
  }
  const auto control = os::find_user(names.control), gate = os::find_user(names.gate);
  for (const std::string& name : {names.gate, names.control}) {
    os::SpawnOptions userdel;
    userdel.arguments = {"/usr/sbin/userdel", name};
    EXPECT_EQ(os::run(userdel, 20'000)->exit_code, 0) << name;
  }
  for (const auto& one : made) {
    ASSERT_TRUE(one) << one.error().to_log();
    EXPECT_EQ(one->control->uid, control->uid);
    EXPECT_EQ(one->gate->uid, gate->uid);
  }
}

}  // namespace
}  // namespace howdah::cli
