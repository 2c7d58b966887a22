// SPDX-License-Identifier: Apache-2.0
// What the agent says and does when a PostgreSQL major version is gone from the machine. All majors
// at once are driven end to end (tests/e2e/majors.test.ts).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/test_node.h"

namespace howdah::node {
namespace {

using ::testing::HasSubstr;
using testing::TestNode;

// A major that find_installations() looks for and this machine does not have.
int absent_major() {
  for (int major = instance::kMajorMin; major <= instance::kMajorMax; ++major) {
    if (!std::filesystem::exists("/usr/lib/postgresql/" + std::to_string(major))) return major;
  }
  throw std::runtime_error("every major is installed");
}

void set_major(const os::Path& directory, int major) {
  auto manifest = read_manifest(directory);
  if (!manifest) throw std::runtime_error(manifest.error().to_log());
  manifest->pg_major = major;
  ASSERT_TRUE(write_manifest(directory, *manifest));
}

class MissingMajorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: not run";
    const auto started = node_.start();
    ASSERT_TRUE(started) << started.error().to_log();
  }
  void stop() {
    auto client = node_.client();
    ASSERT_TRUE(node_.run(client.shutdown()));
    ASSERT_TRUE(node_.leave());
  }
  void start() {
    const auto started = node_.start();
    ASSERT_TRUE(started) << started.error().to_log();
  }

  TestNode node_{VolumeChoice::btrfs, 0};
  const int absent_ = absent_major();
};

TEST_F(MissingMajorTest, waking_it_says_what_to_install_and_status_counts_it_until_it_is_removed) {
  const auto instance = node_.claim("missing");
  ASSERT_TRUE(instance) << instance.error().to_log();
  EXPECT_TRUE(node_.status()->missing_postgres.empty());
  stop();
  // Its manifest is on the volume, which only an agent mounts.
  start();
  set_major(node_.directory_of(instance->id), absent_);
  node_.leave();
  start();
  const auto woken = node_.acquire(instance->id);
  ASSERT_FALSE(woken);
  EXPECT_EQ(woken.error().code, ErrorCode::no_postgres);
  const std::string major = std::to_string(absent_);
  EXPECT_THAT(woken.error().message, HasSubstr("PostgreSQL " + major + " is not installed"));
  EXPECT_THAT(woken.error().hint, HasSubstr("install postgresql-" + major));
  EXPECT_THAT(node_.show(instance->id)->last_failure, HasSubstr(major));
  const auto status = node_.status();
  ASSERT_EQ(status->missing_postgres.size(), 1U);
  EXPECT_EQ(status->missing_postgres[0].major, absent_);
  EXPECT_EQ(status->missing_postgres[0].instances, 1);
  ASSERT_TRUE(node_.remove(instance->id));
  EXPECT_TRUE(node_.status()->missing_postgres.empty());
}

TEST_F(MissingMajorTest, a_claim_for_it_is_refused) {
  const auto claimed = node_.claim({.token = "absent", .pg_major = absent_});
  ASSERT_FALSE(claimed);
  EXPECT_EQ(claimed.error().code, ErrorCode::no_postgres);
  EXPECT_TRUE(node_.status()->missing_postgres.empty());
}

TEST_F(MissingMajorTest, a_catalog_of_it_does_not_start_and_the_error_names_it) {
  stop();
  const os::Path catalog = node_.config.data_dir / "catalog";
  const int before = read_manifest(catalog)->pg_major;
  set_major(catalog, absent_);
  const auto started = node_.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::no_postgres);
  EXPECT_THAT(started.error().to_log(), HasSubstr("start the catalog"));
  EXPECT_THAT(started.error().to_log(), HasSubstr(std::to_string(absent_) + " is not installed"));
  EXPECT_THAT(started.error().hint, HasSubstr("install postgresql-" + std::to_string(absent_)));
  set_major(catalog, before);
  start();
}

}  // namespace
}  // namespace howdah::node
