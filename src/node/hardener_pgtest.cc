// SPDX-License-Identifier: Apache-2.0
// Instances that an earlier Howdah made get what keeps tenants' SQL in its place: those that sleep
// before their next first client, those that run when the new agent adopts them.
#include <gtest/gtest.h>

#include "instance/hardening_store.h"
#include "model/names.h"
#include "node/test_node.h"

namespace howdah::node {
namespace {

constexpr const char* kInside =
    "SELECT concat((SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'howdah%'), "
    "(SELECT count(*) FROM pg_roles WHERE rolname = 'howdah_monitor'))";

class HardenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    node_ = std::make_unique<testing::TestNode>(VolumeChoice::btrfs, 0);
    auto started = node_->start();
    ASSERT_TRUE(started) << started.error().to_log();
    auto claimed = node_->claim("older");
    ASSERT_TRUE(claimed) << claimed.error().to_log();
    instance_ = *claimed;
    database_ = tenant_database(instance_.slug);
    ASSERT_EQ(inside(), "11");
    ASSERT_EQ(manifest().hardening, instance::hardening_id());
  }
  std::string inside() {
    return node_->sql(instance_.socket_directory, kInside, database_).value_or("?");
  }
  Manifest manifest() { return read_manifest(node_->directory_of(instance_.id)).value(); }
  // As an agent that knew nothing of it has left it.
  void make_old() {
    for (const char* sql : {"ALTER EXTENSION plpgsql DROP EVENT TRIGGER howdah_guard_extensions",
                            "DROP EVENT TRIGGER howdah_guard_extensions",
                            "ALTER EXTENSION plpgsql DROP FUNCTION howdah_guard_extensions()",
                            "DROP FUNCTION howdah_guard_extensions()"}) {
      ASSERT_TRUE(node_->sql(instance_.socket_directory, sql, database_)) << sql;
    }
    for (const char* sql : {"DROP SCHEMA howdah CASCADE", "DROP ROLE howdah_monitor"}) {
      ASSERT_TRUE(node_->sql(instance_.socket_directory, sql)) << sql;
    }
    ASSERT_EQ(inside(), "00");
  }
  void forget_in_manifest() {
    Manifest old = manifest();
    old.hardening.clear();
    ASSERT_TRUE(write_manifest(node_->directory_of(instance_.id), old));
  }

  std::unique_ptr<testing::TestNode> node_;
  nodeapi::Instance instance_;
  std::string database_;
};

TEST_F(HardenerTest, one_that_sleeps_gets_it_before_its_next_first_client) {
  make_old();
  ASSERT_TRUE(node_->stop(instance_.id, true));
  ASSERT_TRUE(node_->leave());
  forget_in_manifest();
  ASSERT_TRUE(node_->start());
  const auto woken = node_->acquire(instance_.id);
  ASSERT_TRUE(woken) << woken.error().to_log();
  EXPECT_EQ(inside(), "11");
  EXPECT_EQ(manifest().hardening, instance::hardening_id());
  ASSERT_TRUE(node_->release(instance_.id));
}

TEST_F(HardenerTest, one_that_runs_gets_it_when_it_is_adopted) {
  make_old();
  ASSERT_TRUE(node_->acquire(instance_.id));
  ASSERT_TRUE(node_->leave());
  forget_in_manifest();
  ASSERT_TRUE(node_->start());
  EXPECT_TRUE(node_->wait_until([this] { return inside() == "11"; }));
  EXPECT_TRUE(
      node_->wait_until([this] { return manifest().hardening == instance::hardening_id(); }));
}

TEST_F(HardenerTest, control_one_whose_manifest_says_that_it_has_it_is_left_alone) {
  make_old();
  ASSERT_TRUE(node_->stop(instance_.id, true));
  ASSERT_TRUE(node_->acquire(instance_.id));
  EXPECT_EQ(inside(), "00");
}

}  // namespace
}  // namespace howdah::node
