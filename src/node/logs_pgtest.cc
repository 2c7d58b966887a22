// SPDX-License-Identifier: Apache-2.0
// Logs of instances on a real agent: what is in them, and that they stay small. Needs root.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "instance/server_log.h"
#include "node/test_node.h"
#include "pg/connection.h"

namespace howdah::node {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TestNode;

class InstanceLogs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    node_ = std::make_unique<TestNode>(VolumeChoice::btrfs, 1);
    const auto started = node_->start();
    ASSERT_TRUE(started.has_value()) << started.error().to_log();
  }
  static void TearDownTestSuite() { node_.reset(); }
  void SetUp() override {
    if (!node_) GTEST_SKIP() << "needs root: not run";
    instance_ =
        node_->claim(::testing::UnitTest::GetInstance()->current_test_info()->name()).value();
    ASSERT_TRUE(node_->acquire(instance_.id).has_value());
  }
  void TearDown() override {
    if (node_) (void)node_->remove(instance_.id, true);
  }

  // As the owner would say it; its error is what is wanted.
  Result<void> say(std::string sql, std::string settings = {}) {
    return node_->run(
        [](std::string socket, std::string statement, std::string options) -> Task<void> {
          pg::ConnectOptions connect;
          connect.socket_directory = std::move(socket);
          connect.user = "howdah_admin";
          connect.database = "postgres";
          connect.options = std::move(options);
          HOWDAH_CO_TRY(pg::Connection connection, co_await pg::Connection::open(connect));
          co_return co_await connection.script(std::move(statement));
        }(instance_.socket_directory, std::move(sql), std::move(settings)));
  }
  nodeapi::LogPiece log() {
    auto client = node_->client();
    return node_->run(client.log(instance_.id, {})).value();
  }
  os::Path log_file() const { return node_->directory_of(instance_.id) / "postgres.log"; }

  static inline std::unique_ptr<TestNode> node_;
  nodeapi::Instance instance_;
};

TEST_F(InstanceLogs, what_the_server_says_is_read_with_its_names) {
  EXPECT_FALSE(say("SELECT 1 / 0"));
  EXPECT_THAT(log().text, HasSubstr(" UTC ["));
  EXPECT_THAT(log().text, HasSubstr("] 22012 client backend\thowdah\thowdah_admin\tpostgres\t"
                                    "ERROR:  division by zero\n"));
}

// The control: with PostgreSQL's own default the password is in the file.
TEST_F(InstanceLogs, the_password_of_a_statement_that_fails_is_not_written) {
  EXPECT_FALSE(say("ALTER ROLE nobody_here PASSWORD 'hunter2'"));
  EXPECT_THAT(log().text, HasSubstr("role \"nobody_here\" does not exist"));
  EXPECT_THAT(log().text, Not(HasSubstr("hunter2")));
  EXPECT_FALSE(
      say("ALTER ROLE nobody_here PASSWORD 'hunter2'", "-c log_min_error_statement=error"));
  EXPECT_THAT(log().text, HasSubstr("hunter2"));
  EXPECT_THAT(instance::last_log_lines(log_file()), Not(HasSubstr("hunter2")));
}

TEST_F(InstanceLogs, a_tenant_that_logs_at_will_fills_no_more_than_the_bound) {
  const auto before = log().last;
  // 256 MB in lines of 1 MB.
  EXPECT_TRUE(
      say("DO $$ BEGIN FOR i IN 1..256 LOOP RAISE WARNING '%', repeat('x', 1000000); "
          "END LOOP; END $$",
          "-c client_min_messages=error"));
  node_->run_for(1'500ms);
  const auto after = log();
  EXPECT_GT(after.last, before);
  EXPECT_LE(after.last - after.first, 2 * instance::kLogSizeMax + 1'000);
  std::error_code ignored;
  EXPECT_LE(std::filesystem::file_size(log_file(), ignored), instance::kLogSizeMax);
  EXPECT_FALSE(say("SELECT 1 / 0"));
  EXPECT_THAT(log().text, HasSubstr("division by zero")) << "it goes on";
}

TEST_F(InstanceLogs, a_link_in_the_place_of_the_log_leads_nowhere) {
  std::filesystem::rename(log_file(), log_file().string() + ".away");
  std::filesystem::create_symlink("/etc/passwd", log_file());
  auto client = node_->client();
  EXPECT_FALSE(node_->run(client.log(instance_.id, {})));
  std::filesystem::remove(log_file());
  const auto none = node_->run(client.log(instance_.id, {}));
  ASSERT_TRUE(none) << none.error().to_log();
  EXPECT_EQ(none->text, "");
}

TEST_F(InstanceLogs, reading_wakes_nothing_and_an_unknown_instance_has_none) {
  ASSERT_TRUE(node_->release(instance_.id).has_value());
  ASSERT_TRUE(node_->stop(instance_.id).has_value());
  EXPECT_NE(log().text, "");
  EXPECT_EQ(node_->show(instance_.id)->state, nodeapi::InstanceState::stopped);
  auto client = node_->client();
  EXPECT_EQ(node_->run(client.log(InstanceId("i-none"), {})).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace howdah::node
