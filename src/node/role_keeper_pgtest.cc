// SPDX-License-Identifier: Apache-2.0
// Passwords inside instances: those of the platform, those of users, and old data that comes back.
#include <gtest/gtest.h>

#include <sys/stat.h>

#include "model/names.h"
#include "node/owner.h"
#include "node/test_node.h"

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using nodeapi::Instance;
using nodeapi::InstanceState;
using nodeapi::RoleState;

std::string verifier(char salt) {
  return "SCRAM-SHA-256$4096:" + std::string(4, salt) +
         "$vwpLEKVzDLsQ4l9xYHcZDlVnZ0yXv1nNTfLwOYoO3gY=:"
         "1JpgPEQbUuxlQ7EtDIkpM4oTkqYUyx6nxkZmuZL7vAk=";
}

// Leaves a transaction open on the connection.
Task<void> begin(pg::ConnectOptions options, std::string sql,
                 std::optional<pg::Connection>& connection) {
  HOWDAH_CO_TRY(pg::Connection opened, co_await pg::Connection::open(std::move(options)));
  connection.emplace(std::move(opened));
  co_return co_await connection->script("BEGIN; " + sql);
}

class RoleKeeperTest : public ::testing::Test {
 protected:
  static std::unique_ptr<testing::TestNode>& shared() {
    static std::unique_ptr<testing::TestNode> node;
    return node;
  }
  static void TearDownTestSuite() { shared().reset(); }

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    if (!shared()) {
      shared() = std::make_unique<testing::TestNode>(VolumeChoice::btrfs, 1);
      const auto started = shared()->start();
      ASSERT_TRUE(started.has_value()) << started.error().to_log();
    }
    node_ = shared().get();
    const auto claimed =
        node_->claim({.token = ::testing::UnitTest::GetInstance()->current_test_info()->name(),
                      .owner_verifier = verifier('1')});
    ASSERT_TRUE(claimed.has_value()) << claimed.error().to_log();
    instance_ = *claimed;
    role_ = owner_role(instance_.slug);
  }
  void TearDown() override {
    if (node_ != nullptr) (void)node_->remove(instance_.id, true);
  }

  // The owner as the node tells it.
  RoleState look() {
    auto client = node_->client();
    const auto roles = node_->run(client.roles(instance_.id));
    EXPECT_TRUE(roles) << roles.error().to_log();
    if (!roles || roles->size() != 1) return {};
    return roles->front();
  }
  std::string inside() {
    return node_
        ->sql(instance_.socket_directory,
              "SELECT rolpassword FROM pg_authid WHERE rolname = '" + role_ + "'")
        .value_or("?");
  }
  void alter(const std::string& what) {
    const auto altered = node_->sql(instance_.socket_directory, "ALTER ROLE " + role_ + " " + what);
    EXPECT_TRUE(altered) << altered.error().to_log();
  }
  Result<void> set(const std::string& wanted) {
    auto client = node_->client();
    return node_->run(client.set_roles(instance_.id, {{role_, wanted}}));
  }
  void settle() {
    ASSERT_TRUE(node_->wait_until([&] { return inside() == verifier('1'); }, 10s));
    look();
  }
  pg::ConnectOptions admin() const {
    pg::ConnectOptions options;
    options.socket_directory = instance_.socket_directory;
    options.user = instance::kAdminRole;
    options.database = "postgres";
    return options;
  }
  os::Path data() const { return node_->directory_of(instance_.id) / "data"; }

  testing::TestNode* node_ = nullptr;
  Instance instance_;
  std::string role_;
};

TEST_F(RoleKeeperTest, a_password_changed_by_sql_is_told_once_with_its_time) {
  settle();
  EXPECT_FALSE(look().changed_at);
  alter("PASSWORD '" + verifier('2') + "'");
  const RoleState changed = look();
  ASSERT_TRUE(changed.changed_at);
  EXPECT_EQ(changed.verifier, verifier('2'));
  EXPECT_EQ(look().changed_at, changed.changed_at);
  alter("PASSWORD '" + verifier('3') + "'");
  EXPECT_GT(look().changed_at, changed.changed_at);
}

TEST_F(RoleKeeperTest, a_change_right_after_the_claim_is_not_overwritten) {
  alter("PASSWORD '" + verifier('2') + "'");
  node_->run_for(1'500ms);
  EXPECT_EQ(inside(), verifier('2'));
  EXPECT_TRUE(look().changed_at);
}

TEST_F(RoleKeeperTest, what_cannot_be_used_is_named_and_harms_nobody) {
  settle();
  alter("PASSWORD NULL");
  EXPECT_EQ(look().problem, "none");
  alter("PASSWORD 'md5" + std::string(32, '0') + "'");
  EXPECT_EQ(look().problem, "md5");
  EXPECT_EQ(look().verifier, "");
  alter("NOLOGIN VALID UNTIL '2020-01-01'");
  EXPECT_FALSE(look().can_login);
  EXPECT_EQ(to_rfc3339(*look().valid_until).substr(0, 4), "2020");
  ASSERT_TRUE(set(verifier('4')));
  EXPECT_EQ(inside(), verifier('4'));
}

TEST_F(RoleKeeperTest, the_platforms_password_is_inside_when_the_call_is_answered) {
  settle();
  ASSERT_TRUE(set(verifier('2')));
  EXPECT_EQ(inside(), verifier('2'));
  EXPECT_FALSE(look().changed_at);
}

TEST_F(RoleKeeperTest, a_sleeping_instance_gets_it_before_its_next_client_and_is_not_woken) {
  settle();
  ASSERT_TRUE(node_->stop(instance_.id, true));
  ASSERT_TRUE(set(verifier('2')));
  EXPECT_EQ(look().verifier, verifier('2'));
  EXPECT_EQ(node_->show(instance_.id)->state, InstanceState::stopped);
  ASSERT_TRUE(node_->acquire(instance_.id));
  EXPECT_EQ(inside(), verifier('2'));
}

TEST_F(RoleKeeperTest, a_change_in_the_last_moment_before_a_stop_is_known_without_a_start) {
  settle();
  alter("PASSWORD '" + verifier('2') + "'");
  ASSERT_TRUE(node_->stop(instance_.id, true));
  const RoleState changed = look();
  EXPECT_EQ(changed.verifier, verifier('2'));
  EXPECT_TRUE(changed.changed_at);
  EXPECT_EQ(node_->show(instance_.id)->state, InstanceState::stopped);
}

TEST_F(RoleKeeperTest, a_change_before_the_agent_died_is_found_by_the_next) {
  settle();
  alter("PASSWORD '" + verifier('2') + "'");
  ASSERT_TRUE(node_->leave());
  ASSERT_TRUE(node_->start());
  EXPECT_EQ(look().verifier, verifier('2'));
  EXPECT_TRUE(look().changed_at);
}

// A reset or a restore: the directory's older state is put in its place.
TEST_F(RoleKeeperTest, a_revoked_password_does_not_return_with_an_older_data_directory) {
  settle();
  ASSERT_TRUE(node_->stop(instance_.id, true));
  const os::Path saved = data().parent_path() / "data.saved";
  std::filesystem::copy(data(), saved, std::filesystem::copy_options::recursive);
  ASSERT_TRUE(node_->acquire(instance_.id));
  alter("PASSWORD '" + verifier('2') + "'");
  const RoleState changed = look();
  ASSERT_EQ(changed.verifier, verifier('2'));
  ASSERT_TRUE(node_->stop(instance_.id, true));

  struct stat info{};
  ASSERT_EQ(::stat(data().c_str(), &info), 0);
  for (const auto& entry : std::filesystem::directory_iterator(data())) {
    std::filesystem::remove_all(entry.path());
  }
  std::filesystem::copy(saved, data(), std::filesystem::copy_options::recursive);
  ASSERT_TRUE(give_to_user(data(), {info.st_uid, info.st_gid}));
  ASSERT_TRUE(node_->acquire(instance_.id));
  EXPECT_EQ(inside(), verifier('1')) << "the old state is there: the test tests something";
  const RoleState after = look();
  EXPECT_EQ(after.verifier, verifier('2'));
  EXPECT_EQ(after.changed_at, changed.changed_at) << "no news";
  EXPECT_EQ(inside(), verifier('2'));
  // From here on it is like any other.
  alter("PASSWORD '" + verifier('3') + "'");
  EXPECT_EQ(look().verifier, verifier('3'));
}

// What whoever makes an instance from other data than a template's does.
TEST_F(RoleKeeperTest, roles_whose_inside_is_unknown_are_written_before_the_first_client) {
  settle();
  ASSERT_TRUE(node_->stop(instance_.id, true));
  ASSERT_TRUE(node_->leave());
  Manifest manifest = read_manifest(node_->directory_of(instance_.id)).value();
  manifest.roles.at(0).password = verifier('5');
  manifest.roles.at(0).inside.clear();
  ASSERT_TRUE(write_manifest(node_->directory_of(instance_.id), manifest));
  ASSERT_TRUE(node_->start());
  ASSERT_TRUE(node_->acquire(instance_.id));
  EXPECT_EQ(inside(), verifier('5'));
}

TEST_F(RoleKeeperTest, a_transaction_that_keeps_roles_locked_delays_nobody_else) {
  settle();
  std::optional<pg::Connection> holder;
  ASSERT_TRUE(node_->run(begin(admin(), "ALTER ROLE " + role_ + " PASSWORD 'x'", holder)));
  const auto refused = set(verifier('2'));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::conflict);
  EXPECT_EQ(look().verifier, verifier('2')) << "it counts all the same";
}

TEST_F(RoleKeeperTest, one_that_is_stopped_while_it_is_looked_at_is_no_failure) {
  settle();
  pg::ConnectOptions options;
  options.socket_directory = instance_.socket_directory;
  options.user = instance::kAdminRole;
  options.database = "postgres";
  std::optional<pg::Connection> holder;
  ASSERT_TRUE(node_->run(begin(options, "LOCK TABLE pg_authid", holder)));
  auto client = node_->client();
  std::optional<Result<std::vector<RoleState>>> looked;
  asio::co_spawn(node_->io, client.roles(instance_.id),
                 [&](std::exception_ptr, auto roles) { looked = std::move(roles); });
  node_->run_for(300ms);
  EXPECT_FALSE(looked) << "it does not wait for the lock";
  ASSERT_TRUE(node_->stop(instance_.id, true));
  ASSERT_TRUE(node_->wait_until([&] { return looked.has_value(); }, 10s));
  ASSERT_FALSE(*looked);
  EXPECT_EQ(looked->error().code, ErrorCode::conflict);
  EXPECT_EQ(look().verifier, verifier('1'));
}

}  // namespace
}  // namespace howdah::node
