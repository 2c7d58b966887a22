// SPDX-License-Identifier: Apache-2.0
#include "cli/start/daemon_users.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace howdah::cli {
namespace {

namespace fs = std::filesystem;

class DaemonUsersRemoval : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes system users";
    fs::create_directories(base_ / "data");
    ASSERT_TRUE(ensure_daemon_users(names_));
  }
  void TearDown() override {
    if (::geteuid() != 0) return;
    (void)remove_daemon_users(names_, base_ / "none");
    os::SpawnOptions groupdel;
    groupdel.arguments = {"/usr/sbin/groupdel", names_.control};
    (void)os::run(groupdel, 20'000);
    fs::remove_all(base_);
  }
  void lease(const std::string& path) {
    const std::string text =
        fmt::format(R"({{"format":1,"leases":[{{"first":1,"folder_id":"x","path":"{}"}}]}})", path);
    ASSERT_TRUE(os::write_file_atomic(leases_, text, 0644));
  }

  os::Path base_ = fmt::format("/tmp/howdah-users-{}", ::getpid());
  os::Path leases_ = base_ / "leases.json";
  DaemonNames names_{fmt::format("howdah-c{}", ::getpid()), fmt::format("howdah-g{}", ::getpid())};
};

TEST_F(DaemonUsersRemoval, keeps_them_while_a_data_folder_is_there) {
  ASSERT_TRUE(os::write_file_atomic(base_ / "data/howdah.json", "{}", 0644));
  lease((base_ / "data").string());
  const auto kept = remove_daemon_users(names_, leases_);
  ASSERT_TRUE(kept) << kept.error().to_log();
  EXPECT_TRUE(kept->empty());
  EXPECT_TRUE(os::find_user(names_.control));
  EXPECT_TRUE(fs::exists(leases_));
}

TEST_F(DaemonUsersRemoval, takes_them_and_the_leases_when_the_last_folder_is_gone) {
  lease((base_ / "gone").string());
  const auto gone = remove_daemon_users(names_, leases_);
  ASSERT_TRUE(gone) << gone.error().to_log();
  EXPECT_EQ(*gone, (std::vector<std::string>{names_.gate, names_.control}));
  EXPECT_FALSE(os::find_user(names_.control));
  EXPECT_FALSE(fs::exists(leases_));
}

TEST_F(DaemonUsersRemoval, takes_damaged_leases_for_a_reason_to_keep_them) {
  ASSERT_TRUE(os::write_file_atomic(leases_, "{", 0644));
  EXPECT_TRUE(remove_daemon_users(names_, leases_)->empty());
}

TEST_F(DaemonUsersRemoval, never_touches_a_user_who_can_log_in) {
  EXPECT_TRUE(remove_daemon_users({"root", "root"}, base_ / "none")->empty());
  EXPECT_TRUE(os::find_user("root"));
}

}  // namespace
}  // namespace howdah::cli
